import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { headOf } from '../../../src/learner/towers/heads.ts'
import { type BatchItem, objective, vtraceTarget } from '../../../src/learner/two-tower/objective.ts'
import { createRandom } from '../../../src/state/random.ts'

const options = {
  maxImportanceWeight: 1.5,
  entropy: 0.1,
  valueLoss: 0.5,
  valueUnit: 1.3,
  advantageScale: 0.7,
  baseline: (value: number) => 0.3 + 0.6 * value,
}
const random = createRandom(3)
const B = 6
const K = 4
const batch: BatchItem[] = Array.from({ length: B }, (_, b) => ({
  action: b % 3,
  candidates: b === 2 ? 3 : K,
  propensity: 0.1 + 0.9 * random.uniform(),
  reward: random.normal(),
  discount: b % 2 ? 0.9 : 0,
  nextValue: random.normal(),
  weight: 0.5 + random.uniform(),
  heldOut: b === 4,
}))
/** Of two heads a candidate has its logit and its q side by side. */
const outputsOf = {
  1: Float32Array.from({ length: B * K }, random.normal),
  2: Float32Array.from({ length: 2 * B * K }, random.normal),
}
const values = Float32Array.from({ length: B }, random.normal)
const close = (a: number, b: number, tolerance: number) =>
  assert.ok(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)), `${a} against ${b}`)

const probabilities = (scores: readonly number[]) => {
  const total = scores.reduce((sum, score) => sum + Math.exp(score), 0)
  return scores.map(score => Math.exp(score) / total)
}
const row = (from: readonly number[], item: BatchItem, b: number, head: number, heads: number) =>
  Array.from({ length: item.candidates }, (_, k) => from[(b * K + k) * heads + head])

/** The loss by its definition, with ρ, A, v and, where it moves the policy, q held where they are at `outputsOf` and `values`. */
function plainLoss(heads: 1 | 2, these: readonly number[], theseValues: readonly number[]): number {
  return batch.reduce((sum, item, b) => {
    const { action } = item
    const fixed = probabilities(row([...outputsOf[heads]], item, b, 0, heads))
    const rho = Math.min(fixed[action] / item.propensity, options.maxImportanceWeight)
    const outcome = item.reward + item.discount * item.nextValue
    const target = item.heldOut ? values[b] : values[b] + rho * (outcome - values[b])
    const advantage = (outcome - (0.3 + 0.6 * values[b])) / options.advantageScale
    const p = probabilities(row(these, item, b, 0, heads))
    const entropy = -p.reduce((h, each) => h + each * Math.log(each), 0)
    const value = options.valueLoss * 0.5 * ((theseValues[b] - target) / options.valueUnit) ** 2
    const q = heads === 2 ? row([...outputsOf[2]], item, b, 1, 2) : p.map(() => 0)
    const expected = p.reduce((total, each, k) => total + each * q[k], 0)
    const policy = -rho * (advantage - q[action]) * Math.log(p[action]) - expected
    const fit = heads === 2 ? options.valueLoss * 0.5 * (row(these, item, b, 1, 2)[action] - advantage) ** 2 : 0
    return sum + (item.weight / B) * (policy + fit + value - options.entropy * entropy)
  }, 0)
}

for (const heads of [1, 2] as const)
  describe(`the objective of ${heads === 1 ? 'one head' : 'two heads'}`, () => {
    const outputs = outputsOf[heads]
    const result = objective(batch, outputs, values, { ...options, heads })

    test('loss as defined', () => close(result.stats.loss, plainLoss(heads, [...outputs], [...values]), 1e-6))

    test('gradients against finite differences; none for padding', () => {
      const difference = (vary: (by: number) => number) => (vary(1e-5) - vary(-1e-5)) / 2e-5
      const bumped = (from: Float32Array, index: number, by: number) =>
        [...from].map((v, i) => (i === index ? v + by : v))
      for (let i = 0; i < outputs.length; i++)
        close(
          result.logitGradient[i],
          difference(by => plainLoss(heads, bumped(outputs, i, by), [...values])),
          1e-5,
        )
      for (let head = 0; head < heads; head++) assert.equal(result.logitGradient[(2 * K + 3) * heads + head], 0)
      for (let b = 0; b < B; b++)
        close(
          result.valueGradient[b],
          difference(by => plainLoss(heads, [...outputs], bumped(values, b, by))),
          1e-5,
        )
    })
  })

test('one head is two of which the second foretells nothing', () => {
  const nothing = Float32Array.from({ length: 2 * B * K }, (_, i) => (i % 2 ? 0 : outputsOf[1][i / 2]))
  const [one, two] = [
    objective(batch, outputsOf[1], values, { ...options, heads: 1 }),
    objective(batch, nothing, values, { ...options, heads: 2 }),
  ]
  assert.deepEqual(headOf(two.logitGradient, 0, 2), one.logitGradient)
  assert.deepEqual([two.valueGradient, two.advantages], [one.valueGradient, one.advantages])
})

test('whatever is foretold, over all choices of who logged the policy is moved alike', () => {
  const logits = [0.3, -1, 0.8]
  const [behaviour, rewards] = [
    [0.2, 0.5, 0.3],
    [1, -2, 0.5],
  ]
  const meanGradient = (foretold: readonly number[]) =>
    behaviour
      .map((propensity, action) => {
        const item = { ...batch[0], action, candidates: 3, propensity, reward: rewards[action], discount: 0, weight: 1 }
        const outputs = Float32Array.from(logits.flatMap((each, k) => [each, foretold[k]]))
        const given = { ...options, entropy: 0, maxImportanceWeight: 100, heads: 2 as const }
        return headOf(objective([item], outputs, Float32Array.of(0.4), given).logitGradient, 0, 2).map(
          each => propensity * each,
        )
      })
      .reduce((sum, each) => sum.map((total, k) => total + each[k]))
  const [nothing, something] = [meanGradient([0, 0, 0]), meanGradient([2, -1, 5])]
  nothing.forEach((each, k) => {
    close(something[k], each, 1e-6)
  })
  assert.ok(Math.hypot(...nothing) > 0.1)
})

test('what the baseline is made of: outcomes with values and weights', () => {
  const { outcomes } = objective(batch, outputsOf[1], values, { ...options, heads: 1 })
  const { reward, discount, nextValue, weight } = batch[1]
  assert.deepEqual(outcomes[1], {
    outcome: reward + discount * nextValue,
    value: values[1],
    weight,
    heldOut: false,
  })
  assert.deepEqual(
    outcomes.map(each => each.heldOut),
    batch.map((_, b) => b === 4),
  )
})

describe('the V-trace target', () => {
  const item = { ...batch[0], reward: 2, discount: 0.5, nextValue: 4 }
  const cases: [string, number, number, number][] = [
    ['on policy: the return', 1, 7, 4],
    ['never chosen by the policy: the value stays', 0, 7, 7],
    ['half: half of the way', 0.5, 7, 5.5],
  ]
  for (const [name, rho, value, expected] of cases)
    test(name, () => assert.equal(vtraceTarget(item, value, rho), expected))
  test('without discount on policy it is the reward', () =>
    assert.equal(vtraceTarget({ ...item, discount: 0 }, 7, 1), 2))
})
