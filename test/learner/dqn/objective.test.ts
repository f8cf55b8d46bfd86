import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type BatchItem, objective } from '../../../src/learner/dqn/objective.ts'
import { createRandom } from '../../../src/state/random.ts'
import { assertGradients } from '../gradient/finite-differences.ts'

const random = createRandom(4)
const [B, K] = [7, 4]
const valueUnit = 1.3
const batch: BatchItem[] = Array.from({ length: B }, (_, b) => ({
  action: b % 3,
  candidates: b === 2 ? 3 : K,
  target: random.normal(),
  weight: 0.5 + random.uniform(),
}))
const logits = Float32Array.from({ length: B * K }, random.normal)
const values = Float32Array.from({ length: B }, random.normal)

/** The errors and the loss by their definition. */
function plain(theseLogits: Float32Array, theseValues: Float32Array, dueling: boolean, limit: number) {
  const errors = batch.map(({ action, candidates, target }, b) => {
    const row = [...theseLogits].slice(b * K, b * K + candidates)
    const mean = row.reduce((sum, each) => sum + each, 0) / candidates
    return (dueling ? theseValues[b] + row[action] - mean : row[action]) - target
  })
  const loss = errors.reduce((sum, error, b) => {
    const size = Math.abs(error)
    const huber = limit === 0 || size <= limit ? 0.5 * size ** 2 : limit * (size - 0.5 * limit)
    return sum + ((batch[b].weight / B) * huber) / valueUnit ** 2
  }, 0)
  return { errors, loss }
}

describe('the loss of Q', () => {
  for (const dueling of [true, false])
    for (const huber of [0, 0.5]) {
      const result = objective(batch, logits, values, { dueling, huber, valueUnit })
      const name = `${dueling ? 'dueling' : 'logits'}, Huber from ${huber}`
      test(`${name}: gradients against finite differences; none for padding`, () => {
        assertGradients(result, (l, v) => plain(l, v, dueling, huber).loss, logits, values)
        assert.equal(result.logitGradient[2 * K + 3], 0)
      })
      test(`${name}: errors and statistics as defined`, () => {
        const { errors, loss } = plain(logits, values, dueling, huber)
        const sizes = errors.map(Math.abs)
        errors.forEach((error, b) => {
          assert.ok(Math.abs(result.errors[b] - error) < 1e-6)
        })
        assert.ok(Math.abs(result.stats.loss - loss) < 1e-6)
        assert.ok(Math.abs(result.stats.td_error_max - Math.max(...sizes)) < 1e-6)
        const square = sizes.reduce((sum, each) => sum + each * each, 0) / B
        assert.ok(Math.abs(result.stats.td_error - Math.sqrt(square)) < 1e-6)
      })
    }
  test('both sides of the limit are there', () => {
    const sizes = plain(logits, values, true, 0.5).errors.map(Math.abs)
    assert.ok(Math.min(...sizes) < 0.4 && Math.max(...sizes) > 0.6)
  })
})
