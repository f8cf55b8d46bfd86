import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { discounted, nextValues, type Outputs } from '../../../src/learner/dqn/targets.ts'
import { createRandom } from '../../../src/state/random.ts'

const random = createRandom(5)
const [B, K] = [20, 6]
const outputs = (): Outputs => ({
  logits: Float32Array.from({ length: B * K }, random.normal),
  values: Float32Array.from({ length: B }, random.normal),
})
const [online, target] = [outputs(), outputs()]
const counts = Array.from({ length: B }, (_, b) => 1 + (b % K))

/** Q(s, ·) by its definition. */
function plainQ({ logits, values }: Outputs, b: number, isDueling: boolean): number[] {
  const advantages = [...logits].slice(b * K, b * K + counts[b])
  const mean = advantages.reduce((sum, each) => sum + each, 0) / counts[b]
  return advantages.map(advantage => (isDueling ? values[b] + (advantage - mean) : advantage))
}

describe('the next state’s worth, by plain recomputation', () => {
  for (const isDueling of [true, false]) {
    const name = isDueling ? 'dueling' : 'the logits themselves'
    test(`double Q, ${name}: the target network's Q of the online network's best`, () => {
      nextValues(online, target, counts, isDueling).forEach((value, b) => {
        const named = plainQ(online, b, isDueling)
        const expected = plainQ(target, b, isDueling)[named.indexOf(Math.max(...named))]
        assert.ok(Math.abs(value - expected) < 1e-6)
      })
    })
    test(`single Q, ${name}: the target network's best`, () => {
      nextValues(target, target, counts, isDueling).forEach((value, b) => {
        assert.ok(Math.abs(value - Math.max(...plainQ(target, b, isDueling))) < 1e-6)
      })
    })
  }
})

describe('n-step returns', () => {
  const segment = [
    { reward: 1, discount: 0.9 },
    { reward: 2, discount: 0.5 },
    { reward: 4, discount: 0.8 },
  ]
  test('each reward is discounted by the transitions before it', () => {
    const { reward, discount } = discounted(segment)
    assert.ok(Math.abs(reward - (1 + 0.9 * 2 + 0.9 * 0.5 * 4)) < 1e-12)
    assert.ok(Math.abs(discount - 0.9 * 0.5 * 0.8) < 1e-12)
  })
  test('nothing is beyond an end, nor beyond what is unknown to a learner that does not discount', () => {
    assert.deepEqual(discounted([{ reward: 3, discount: 0 }]), { reward: 3, discount: 0 })
    assert.deepEqual(discounted([{ reward: 3, discount: null }]), { reward: 3, discount: 0 })
  })
})
