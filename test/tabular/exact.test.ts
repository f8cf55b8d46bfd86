import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  actionValues,
  discountedReturn,
  evaluatePolicy,
  expectedReturn,
  expectedSteps,
} from '../../src/tabular/evaluate.ts'
import { policyIteration, valueIteration } from '../../src/tabular/iteration.ts'
import { checkMdp, type Mdp, myopicPolicy, uniformPolicy } from '../../src/tabular/mdp.ts'
import { chain, close, gamblers, largeGrid, smallGrid } from './worlds.ts'

const same = (actual: ArrayLike<number>, expected: readonly number[], within = 1e-9) =>
  assert.ok(
    actual.length === expected.length && expected.every((value, i) => close(actual[i], value, within)),
    `${Array.from(actual)}, not ${expected}`,
  )

describe('evaluation', () => {
  test('two states in closed form', () => {
    for (const [discount, end] of [
      [0.9, 0],
      [1, 0.25],
      [0.95, 0.1],
    ]) {
      const g = discount * (1 - end)
      const mdp = chain(discount, end)
      // v1 = 2 / (1 - g); half stay, half go: v0 = ½ (1 + g v0) + ½ g v1
      const v1 = 2 / (1 - g)
      const v0 = (0.5 + 0.5 * g * v1) / (1 - 0.5 * g)
      same(evaluatePolicy(mdp, uniformPolicy(mdp)), [v0, v1])
      assert.ok(close(expectedReturn(mdp, uniformPolicy(mdp)), v0))
      assert.ok(close(expectedSteps(mdp, uniformPolicy(mdp)), 1 / (1 - g)))
      assert.ok(close(actionValues(mdp, Float64Array.of(v0, v1))[0][1], g * v1))
    }
  })
  test('the small grid of the book: random walks to a corner take so long', () => {
    const expected = [-14, -20, -22, -14, -18, -20, -20, -20, -20, -18, -14, -22, -20, -14]
    same(evaluatePolicy(smallGrid, uniformPolicy(smallGrid)), expected)
  })
  test('the large grid of the book, as printed', () => {
    const printed = [
      3.3, 8.8, 4.4, 5.3, 1.5, 1.5, 3.0, 2.3, 1.9, 0.5, 0.1, 0.7, 0.7, 0.4, -0.4, -1.0, -0.4, -0.4, -0.6, -1.2, -1.9,
      -1.3, -1.2, -1.4, -2.0,
    ]
    const values = evaluatePolicy(largeGrid, uniformPolicy(largeGrid))
    printed.forEach((value, s) => {
      assert.ok(Math.abs(values[s] - value) <= 0.05 + 1e-9, `state ${s}: ${values[s]}`)
    })
  })
  test('what never ends and is not discounted has no value', () => {
    const endless: Mdp = { ...chain(1, 0), rewards: [Float64Array.of(0, 0), Float64Array.of(0)] }
    assert.throws(() => evaluatePolicy(endless, uniformPolicy(endless)), RangeError)
  })
  test('the return of one episode', () => {
    assert.equal(discountedReturn([1, 2, 4], 0.5), 3)
    assert.equal(discountedReturn([], 0.5), 0)
  })
})

describe('optimal control', () => {
  test('two states: going is better exactly when the future counts more than half', () => {
    for (const discount of [0.4, 0.45, 0.55, 0.9]) {
      const mdp = chain(discount, 0)
      const { policy, values } = policyIteration(mdp)
      const [stay, go] = [1 / (1 - discount), (2 * discount) / (1 - discount)]
      same(values, [Math.max(stay, go), 2 / (1 - discount)])
      assert.equal(policy[0].indexOf(1), stay > go ? 0 : 1)
      assert.equal(myopicPolicy(mdp)[0].indexOf(1), 0)
    }
  })
  test('the large grid: round and round through A', () => {
    const best = 10 / (1 - 0.9 ** 5)
    const { values } = policyIteration(largeGrid)
    same([values[1], values[0], values[2], values[21]], [best, 0.9 * best, 0.9 * best, 0.9 ** 4 * best])
  })
  test('the small grid: steps to the nearer corner', () => {
    same(policyIteration(smallGrid).values, [-1, -2, -3, -1, -2, -3, -2, -2, -3, -2, -1, -3, -2, -1])
  })
  test("the gambler's problem: bold play, whose values are known", () => {
    const p = 0.4
    const bold = (s: number, depth = 60): number => {
      if (s <= 0 || s >= 100) return s >= 100 ? 1 : 0
      if (depth === 0) return 0
      return s <= 50 ? p * bold(2 * s, depth - 1) : p + (1 - p) * bold(2 * s - 100, depth - 1)
    }
    const mdp = gamblers(p)
    for (const { values } of [policyIteration(mdp), valueIteration(mdp, 1e-14)]) {
      same([values[24], values[49], values[74]], [0.16, 0.4, 0.64])
      same(
        values,
        Array.from({ length: 99 }, (_, i) => bold(i + 1)),
      )
    }
  })
  test('value iteration stays within the error that it states, at any tolerance', () => {
    for (const mdp of [largeGrid, chain(0.9, 0.1), chain(1, 0.05)])
      for (const tolerance of [10, 1, 0.1, 1e-3, 1e-10]) {
        const exact = policyIteration(mdp).values
        const { values, errorBound } = valueIteration(mdp, tolerance)
        const error = Math.max(...values.map((value, s) => Math.abs(value - exact[s])))
        assert.ok(errorBound <= tolerance && error <= errorBound + 1e-12, `${error} > ${errorBound}`)
      }
    assert.equal(valueIteration(gamblers(0.4)).errorBound, Number.POSITIVE_INFINITY)
  })
  test('both find the same policy', () => {
    for (const mdp of [largeGrid, smallGrid, chain(0.9, 0)]) {
      const value = expectedReturn(mdp, valueIteration(mdp).policy)
      assert.ok(close(value, expectedReturn(mdp, policyIteration(mdp).policy)))
    }
  })
})

test('what is no process is refused', () => {
  const good = chain(0.9, 0.1)
  checkMdp(good)
  for (const mdp of [largeGrid, smallGrid, gamblers(0.4)]) checkMdp(mdp)
  const faults: Partial<Mdp>[] = [
    { discount: 1.1 },
    { initial: Float64Array.of(0.5, 0.4) },
    { initial: Float64Array.of(1) },
    { rewards: [Float64Array.of(1), Float64Array.of(2)] },
    { rewards: [Float64Array.of(1, Number.NaN), Float64Array.of(2)] },
    { transitions: [[Float64Array.of(0.9, 0.2), Float64Array.of(0, 1)], [Float64Array.of(0, 1)]] },
    { transitions: [[Float64Array.of(-0.1, 1), Float64Array.of(0, 1)], [Float64Array.of(0, 1)]] },
  ]
  for (const fault of faults) assert.throws(() => checkMdp({ ...good, ...fault }), RangeError, JSON.stringify(fault))
})
