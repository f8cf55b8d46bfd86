import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
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
const logits = Float32Array.from({ length: B * K }, random.normal)
const values = Float32Array.from({ length: B }, random.normal)
const close = (a: number, b: number, tolerance: number) =>
  assert.ok(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)), `${a} against ${b}`)

const probabilities = (scores: readonly number[]) => {
  const total = scores.reduce((sum, score) => sum + Math.exp(score), 0)
  return scores.map(score => Math.exp(score) / total)
}
const row = (from: readonly number[], item: BatchItem, b: number) => from.slice(b * K, b * K + item.candidates)

/** The loss by its definition, with ρ, A and v held where they are at `logits` and `values`. */
function plainLoss(theseLogits: readonly number[], theseValues: readonly number[]): number {
  return batch.reduce((sum, item, b) => {
    const fixed = probabilities(row([...logits], item, b))
    const rho = Math.min(fixed[item.action] / item.propensity, options.maxImportanceWeight)
    const outcome = item.reward + item.discount * item.nextValue
    const target = item.heldOut ? values[b] : values[b] + rho * (outcome - values[b])
    const advantage = outcome - (0.3 + 0.6 * values[b])
    const p = probabilities(row(theseLogits, item, b))
    const entropy = -p.reduce((h, each) => h + each * Math.log(each), 0)
    const policy = -rho * (advantage / options.advantageScale) * Math.log(p[item.action])
    const value = options.valueLoss * 0.5 * ((theseValues[b] - target) / options.valueUnit) ** 2
    return sum + (item.weight / B) * (policy + value - options.entropy * entropy)
  }, 0)
}

describe('the objective', () => {
  const result = objective(batch, logits, values, options)

  test('loss as defined', () => close(result.stats.loss, plainLoss([...logits], [...values]), 1e-6))

  test('gradients against finite differences; none for padding', () => {
    const difference = (vary: (by: number) => number) => (vary(1e-5) - vary(-1e-5)) / 2e-5
    const bumped = (from: Float32Array, index: number, by: number) =>
      [...from].map((v, i) => (i === index ? v + by : v))
    for (let i = 0; i < B * K; i++)
      close(
        result.logitGradient[i],
        difference(by => plainLoss(bumped(logits, i, by), [...values])),
        1e-5,
      )
    assert.equal(result.logitGradient[2 * K + 3], 0)
    for (let b = 0; b < B; b++)
      close(
        result.valueGradient[b],
        difference(by => plainLoss([...logits], bumped(values, b, by))),
        1e-5,
      )
  })
})

test('what the baseline is made of: outcomes with values and weights', () => {
  const { outcomes } = objective(batch, logits, values, options)
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
