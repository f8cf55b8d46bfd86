import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lambda, objective, type Shown } from '../../../src/learner/reinforce/objective.ts'
import { createRandom } from '../../../src/state/random.ts'
import { assertGradients } from '../gradient/finite-differences.ts'

const random = createRandom(7)
const softmax = (logits: ArrayLike<number>): number[] => {
  const exps = Array.from(logits, Math.exp)
  const total = exps.reduce((sum, each) => sum + each, 0)
  return exps.map(each => each / total)
}
const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0)

describe('the losses, against finite differences', () => {
  const options = {
    maxImportanceWeight: 1.5,
    entropy: 0.1,
    minEntropy: 0,
    valueLoss: 0.5,
    valueUnit: 1.3,
    advantageScale: 0.7,
  }
  const K = 4
  const slates: Shown[][] = [3, 1, 2].map(slots =>
    Array.from({ length: slots }, (_, slot) => ({
      action: slot % (K - slot),
      candidates: K - slot,
      propensity: 0.1 + 0.9 * random.uniform(),
      target: random.normal(),
      weight: 0.5 + random.uniform(),
      slots,
    })),
  )
  const rows = slates.flat()
  const logits = Float32Array.from({ length: rows.length * K }, random.normal)
  const values = Float32Array.from({ length: rows.length }, random.normal)
  const row = (from: Float32Array, b: number) => softmax(from.subarray(b * K, b * K + rows[b].candidates))
  const ratioOf = (b: number) => row(logits, b)[rows[b].action] / rows[b].propensity

  /** w, held where it is at `logits`. */
  const held = {
    slate: slates.flatMap((slate, s) => {
      const from = sum(slates.slice(0, s).map(({ length }) => length))
      const product = slate.reduce((all, _, k) => all * ratioOf(from + k), 1)
      return slate.map(() => Math.min(product, options.maxImportanceWeight))
    }),
    item: rows.map(({ action, slots }, b) => {
      const probability = row(logits, b)[action]
      return Math.min(ratioOf(b), options.maxImportanceWeight) * slots * (1 - probability) ** (slots - 1)
    }),
  }
  for (const mode of ['slate', 'item'] as const)
    test(mode, () => {
      const plain = (theseLogits: Float32Array, theseValues: Float32Array): number =>
        rows.reduce((all, { action, target, weight }, b) => {
          const p = row(theseLogits, b)
          const entropy = -p.reduce((h, each) => h + each * Math.log(each), 0)
          const policy = -held[mode][b] * ((target - values[b]) / options.advantageScale) * Math.log(p[action])
          const value = options.valueLoss * 0.5 * ((theseValues[b] - target) / options.valueUnit) ** 2
          return all + (weight / rows.length) * (policy + value - options.entropy * entropy)
        }, 0)
      const result = objective(mode, slates, logits, values, options)
      assert.ok(Math.abs(result.stats.loss - plain(logits, values)) < 1e-6)
      assertGradients(result, plain, logits, values)
    })
})

/**
 * Four items, two shown, each earns what it is worth. Every log that there can be is enumerated with its probability under
 * who logged, so the loss's gradient is its expectation, to be compared with the slope of the expected reward.
 */
describe('expected gradients, all logs enumerated', () => {
  const worth = [1, 0.1, 0.7, 0.4]
  const theta = Float32Array.of(0.3, 0.8, -0.5, 0.1)
  const uncapped = {
    maxImportanceWeight: Number.POSITIVE_INFINITY,
    entropy: 0,
    minEntropy: 0,
    valueLoss: 0,
    valueUnit: 1,
    advantageScale: 1,
  }
  const items = [0, 1, 2, 3]
  const pairs = items.flatMap(a => items.filter(b => b !== a).map(b => [a, b] as const))
  /** Conditional probability of item b when a is gone. */
  const second = (p: readonly number[], a: number, b: number) => p[b] / (1 - p[a])

  /** Slope of a function of the logits, by central differences. */
  const slope = (worthOf: (p: readonly number[]) => number): number[] =>
    items.map(i => {
      const at = (by: number) => worthOf(softmax(Array.from(theta, (each, j) => each + (i === j ? by : 0))))
      return (at(1e-4) - at(-1e-4)) / 2e-4
    })
  const rewardOfSlates = slope(p => sum(pairs.map(([a, b]) => p[a] * second(p, a, b) * (worth[a] + worth[b]))))
  const rewardOfSets = slope(p => sum(items.map(i => worth[i] * (1 - (1 - p[i]) ** 2))))

  interface Log {
    /** Candidates of each row, by item. */
    readonly lists: readonly (readonly number[])[]
    readonly slate: readonly Shown[]
  }

  /** Minus the loss's gradient at the items' logits, over all logs. */
  function expected(mode: 'slate' | 'item', logs: readonly Log[]): number[] {
    const lists = logs.flatMap(log => log.lists)
    const logits = Float32Array.from(lists.flatMap(list => items.map((_, k) => (k < list.length ? theta[list[k]] : 0))))
    const slates = logs.map(log => log.slate)
    const { logitGradient } = objective(mode, slates, logits, new Float32Array(lists.length), uncapped)
    return items.map(
      item =>
        -lists.length *
        sum(lists.map((list, b) => (list.includes(item) ? logitGradient[b * 4 + list.indexOf(item)] : 0))),
    )
  }
  /** Slates of who logs with β, each weighed by its probability. */
  const slatesOf = (beta: readonly number[]): Log[] =>
    pairs.map(([a, b]) => {
      const left = items.filter(i => i !== a)
      const weight = beta[a] * second(beta, a, b)
      const row = { weight, target: worth[a] + worth[b], slots: 2 }
      return {
        lists: [items, left],
        slate: [
          { ...row, action: a, candidates: 4, propensity: beta[a] },
          { ...row, action: left.indexOf(b), candidates: 3, propensity: second(beta, a, b) },
        ],
      }
    })
  /** The same slates as item logs: first-draw probabilities, each item's own reward. */
  const slatesAsItems = (beta: readonly number[]): Log[] =>
    pairs.map(([a, b]) => ({
      lists: [items, items],
      slate: [a, b].map(item => ({
        action: item,
        candidates: 4,
        propensity: beta[item],
        target: worth[item],
        weight: beta[a] * second(beta, a, b),
        slots: 2,
      })),
    }))
  /** One of the draws with replacement. */
  const drawsOf = (beta: readonly number[]): Log[] =>
    items.map(item => ({
      lists: [items],
      slate: [
        { action: item, candidates: 4, propensity: beta[item], target: worth[item], weight: beta[item], slots: 2 },
      ],
    }))
  const farthest = (a: readonly number[], b: readonly number[]) =>
    Math.max(...a.map((each, i) => Math.abs(each - b[i])))

  const own = softmax(theta)
  const others = softmax([-0.4, 0.2, 0.6, 0])
  for (const [name, beta] of [['on policy', own] as const, ['logged by another', others] as const]) {
    test(`slate mode on slates, ${name}: the slope of the expected reward`, () => {
      assert.ok(farthest(expected('slate', slatesOf(beta)), rewardOfSlates) < 1e-4)
    })
    test(`item mode on draws with replacement, ${name}: the slope of the reward of what is shown`, () => {
      assert.ok(farthest(expected('item', drawsOf(beta)), rewardOfSets) < 1e-4)
    })
    test(`item mode on slates without replacement, ${name}: biased`, () => {
      const size = Math.max(...rewardOfSlates.map(Math.abs))
      const made = expected('item', slatesAsItems(beta))
      // no scale makes it the right direction either
      const cosine =
        sum(made.map((each, i) => each * rewardOfSlates[i])) / (Math.hypot(...made) * Math.hypot(...rewardOfSlates))
      assert.ok(farthest(made, rewardOfSlates) > 0.2 * size, `${made} against ${rewardOfSlates}`)
      assert.ok(cosine < 0.99, String(cosine))
    })
  }

  test('λ_K is the slope of the probability to be among K draws', () => {
    for (const [p, slots] of [
      [0.3, 2],
      [0.05, 16],
      [0.9, 3],
    ]) {
      const among = (at: number) => 1 - (1 - at) ** slots
      assert.ok(Math.abs(lambda(p, slots) - (among(p + 1e-6) - among(p - 1e-6)) / 2e-6) < 1e-6)
    }
    assert.equal(lambda(0.3, 1), 1)
  })
})
