import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { objective, type Step } from '../../../src/learner/a3c/objective.ts'
import { returnsOf } from '../../../src/learner/a3c/targets.ts'
import { createRandom } from '../../../src/state/random.ts'
import { assertGradients } from '../gradient/finite-differences.ts'

describe('n-step returns', () => {
  const number = fc.double({ min: -3, max: 3, noNaN: true })
  const unit = fc.double({ min: 0, max: 1, noNaN: true })
  test('are sums of discounted rewards and a discounted value', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(number, unit), { minLength: 1, maxLength: 7 }), number, (steps, nextValue) => {
        const returns = returnsOf(
          steps.map(each => each[0]),
          steps.map(each => each[1]),
          nextValue,
        )
        returns.forEach((value, t) => {
          let [expected, discount] = [0, 1]
          for (const [reward, gamma] of steps.slice(t)) {
            expected += discount * reward
            discount *= gamma
          }
          expected += discount * nextValue
          assert.ok(Math.abs(value - expected) <= 1e-6 * Math.max(1, Math.abs(expected)), `${value}, ${expected}`)
        })
      }),
    )
  })
  test('end with the episode', () => assert.deepEqual([...returnsOf([1, 2], [0.5, 0], 99)], [2, 2]))
})

describe('the loss', () => {
  const options = { entropy: 0.1, minEntropy: 0, valueLoss: 0.5, valueUnit: 1.3, advantageScale: 0.7 }
  const random = createRandom(6)
  const [B, K] = [6, 4]
  const steps: Step[] = Array.from({ length: B }, (_, b) => ({
    action: b % 3,
    candidates: b === 2 ? 3 : K,
    propensity: 0.3,
    target: random.normal(),
    weight: 0.5 + random.uniform(),
  }))
  const logits = Float32Array.from({ length: B * K }, random.normal)
  const values = Float32Array.from({ length: B }, random.normal)
  /** By its definition, with the advantages held where they are at `values`. */
  const plainLoss = (theseLogits: Float32Array, theseValues: Float32Array): number =>
    steps.reduce((sum, { action, candidates, target, weight }, b) => {
      const exps = [...theseLogits.subarray(b * K, b * K + candidates)].map(Math.exp)
      const p = exps.map(each => each / exps.reduce((all, one) => all + one, 0))
      const entropy = -p.reduce((h, each) => h + each * Math.log(each), 0)
      const policy = -((target - values[b]) / options.advantageScale) * Math.log(p[action])
      const value = options.valueLoss * 0.5 * ((theseValues[b] - target) / options.valueUnit) ** 2
      return sum + (weight / B) * (policy + value - options.entropy * entropy)
    }, 0)
  const result = objective(steps, logits, values, options)

  test('as defined', () => assert.ok(Math.abs(result.stats.loss - plainLoss(logits, values)) < 1e-6))
  test('gradients against finite differences', () => assertGradients(result, plainLoss, logits, values))
})
