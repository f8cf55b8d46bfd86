import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { objective, type Step } from '../../../src/learner/ppo/objective.ts'
import { createRandom } from '../../../src/state/random.ts'
import { assertGradients } from '../gradient/finite-differences.ts'

const options = { clip: 0.2, maxKl: 0, entropy: 0.1, minEntropy: 0, valueLoss: 0.5, valueUnit: 1.3 }
const random = createRandom(5)
const [B, K] = [12, 4]
const logits = Float32Array.from({ length: B * K }, random.normal)
const values = Float32Array.from({ length: B }, random.normal)
const probability = (from: Float32Array, b: number, candidates: number): number[] => {
  const exps = [...from.subarray(b * K, b * K + candidates)].map(Math.exp)
  const total = exps.reduce((sum, each) => sum + each, 0)
  return exps.map(each => each / total)
}
/** Ratios inside and beyond both clips, with advantages of either sign. */
const ratios = [0.5, 0.7, 0.9, 1.1, 1.4, 2]
const steps: Step[] = Array.from({ length: B }, (_, b) => {
  const [action, candidates] = [b % 3, b === 2 ? 3 : K]
  return {
    action,
    candidates,
    propensity: probability(logits, b, candidates)[action] / ratios[b % 6],
    advantage: b < 6 ? 1.3 : -0.8,
    target: random.normal(),
    weight: 0.5 + random.uniform(),
  }
})

/** By its definition. Advantages and targets are data, so nothing is held. */
const plainLoss = (theseLogits: Float32Array, theseValues: Float32Array): number =>
  steps.reduce((sum, { action, candidates, propensity, advantage, target, weight }, b) => {
    const p = probability(theseLogits, b, candidates)
    const entropy = -p.reduce((h, each) => h + each * Math.log(each), 0)
    const ratio = p[action] / propensity
    const clipped = Math.min(Math.max(ratio, 1 - options.clip), 1 + options.clip)
    const policy = -Math.min(ratio * advantage, clipped * advantage)
    const value = options.valueLoss * 0.5 * ((theseValues[b] - target) / options.valueUnit) ** 2
    return sum + (weight / B) * (policy + value - options.entropy * entropy)
  }, 0)

describe('the clipped surrogate', () => {
  const result = objective(steps, logits, values, options)

  test('as defined', () => assert.ok(Math.abs(result.stats.loss - plainLoss(logits, values)) < 1e-6))
  test('the variance that the value explains: all of its targets, none by a constant', () => {
    const explained = (theseValues: Float32Array) =>
      objective(steps, logits, theseValues, options).stats.explained_variance
    assert.ok(Math.abs(explained(Float32Array.from(steps, ({ target }) => target)) - 1) < 1e-6)
    assert.ok(Math.abs(explained(new Float32Array(B).fill(3))) < 1e-6)
  })
  test('gradients against finite differences, inside and beyond the clips', () =>
    assertGradients(result, plainLoss, logits, values))
  test('is flat where the policy has gone far enough, and only there', () => {
    const bare = objective(steps, logits, values, { ...options, entropy: 0 })
    const flat = steps.map((_, b) => bare.logitGradient.subarray(b * K, b * K + K).every(each => each === 0))
    const far = [...ratios.map(ratio => ratio > 1.2), ...ratios.map(ratio => ratio < 0.8)]
    assert.deepEqual(flat, far)
  })
  test('clipped, and the mean weight, are of what the sign of the advantage makes of a ratio', () => {
    const statsOf = (ratio: number, advantage: number) => {
      const step = { action: 0, candidates: 1, propensity: 1 / ratio, advantage, target: 0, weight: 1 }
      const { stats } = objective([step], new Float32Array(1), new Float32Array(1), options)
      return [stats.clipped, Number(stats.importance.toFixed(9))]
    }
    assert.deepEqual(statsOf(1.5, 1), [1, 1.2])
    assert.deepEqual(statsOf(1.5, -1), [0, 1.5])
    assert.deepEqual(statsOf(0.5, -1), [1, 0.8])
    assert.deepEqual(statsOf(0.5, 1), [0, 0.5])
  })
  test('beyond the bound of the KL divergence it is refused', () => {
    const kl = ratios.reduce((sum, ratio) => sum + ratio - 1 - Math.log(ratio), 0) / ratios.length
    assert.ok(Math.abs(result.stats.kl - kl) < 1e-6)
    const bound = (maxKl: number) => objective(steps, logits, values, { ...options, maxKl }).refused
    assert.deepEqual([bound(kl + 0.01), bound(kl - 0.01)], [undefined, 'kl_bound'])
  })
})
