import { test } from 'node:test'
import { type Choice, imitationLoss } from '../../../src/learner/gradient/imitation.ts'
import { createRandom } from '../../../src/state/random.ts'
import { assertGradients } from './finite-differences.ts'

test('imitation: cross-entropy of the logged choice and the value of who logged, against finite differences', () => {
  const random = createRandom(3)
  const [B, K] = [6, 4]
  const weights = { valueLoss: 0.5, valueUnit: 1.3 }
  const choices: Choice[] = Array.from({ length: B }, (_, b) => ({
    action: b % 3,
    candidates: b === 2 ? 3 : K,
    weight: 0.5 + random.uniform(),
    target: random.normal(),
  }))
  const logits = Float32Array.from({ length: B * K }, random.normal)
  const values = Float32Array.from({ length: B }, random.normal)
  const plain = (theseLogits: Float32Array, theseValues: Float32Array): number =>
    choices.reduce((sum, { action, candidates, weight, target }, b) => {
      const row = [...theseLogits.subarray(b * K, b * K + candidates)]
      const total = row.reduce((all, logit) => all + Math.exp(logit), 0)
      const crossEntropy = -Math.log(Math.exp(row[action]) / total)
      const value = weights.valueLoss * 0.5 * ((theseValues[b] - target) / weights.valueUnit) ** 2
      return sum + (weight / B) * (crossEntropy + value)
    }, 0)
  assertGradients(imitationLoss(choices, logits, values, weights), plain, logits, values)
})
