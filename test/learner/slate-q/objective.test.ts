import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type BatchItem, objective } from '../../../src/learner/slate-q/objective.ts'
import { createRandom } from '../../../src/state/random.ts'
import { assertGradients } from '../gradient/finite-differences.ts'

const random = createRandom(6)
const [B, K] = [7, 3]
const taken = [[0], [], [1], [2], [0, 1], [1], []]
const batch: BatchItem[] = taken.map((each, b) => ({
  slots: b === 2 ? 2 : K,
  taken: each,
  target: random.normal(),
  weight: 0.5 + random.uniform(),
}))
const logits = Float32Array.from({ length: B * K * 2 }, random.normal)
const values = Float32Array.from({ length: B }, random.normal)

/** By its definition; −1 is none. */
function plain(theseLogits: Float32Array, theseValues: Float32Array, valueLoss: number, limit: number): number {
  return batch.reduce((sum, { slots, taken: chosen, target, weight }, b) => {
    const attraction = (k: number) => (k < 0 ? 1 : Math.exp(theseLogits[2 * (b * K + k)]))
    const worth = (k: number) => theseValues[b] + (k < 0 ? 0 : theseLogits[2 * (b * K + k) + 1])
    const total = Array.from({ length: slots }, (_, k) => attraction(k)).reduce((all, each) => all + each, 1)
    const options = chosen.length > 0 ? chosen : [-1]
    const losses = options.map(k => {
      const size = Math.abs(worth(k) - target)
      const huber = limit === 0 || size <= limit ? 0.5 * size ** 2 : limit * (size - 0.5 * limit)
      return -Math.log(attraction(k) / total) + valueLoss * huber
    })
    return sum + ((weight / B) * losses.reduce((all, each) => all + each, 0)) / options.length
  }, 0)
}

describe('the loss of slates', () => {
  for (const huber of [0, 0.5])
    for (const valueLoss of [0, 0.7])
      test(`value loss ${valueLoss}, Huber from ${huber}: gradients against finite differences; none for padding`, () => {
        const options = { valueLoss, huber }
        const result = objective(batch, { logits, values }, options)
        assertGradients(result, (l, v) => plain(l, v, valueLoss, huber), logits, values)
        assert.ok(Math.abs(result.stats.loss - plain(logits, values, valueLoss, huber)) < 1e-6)
        assert.deepEqual([...result.logitGradient.subarray(2 * (2 * K + 2), 2 * (3 * K))], [0, 0])
      })
})
