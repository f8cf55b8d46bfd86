import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { gae, type Segment, standardise } from '../../../src/learner/ppo/targets.ts'

const number = fc.double({ min: -3, max: 3, noNaN: true })
const unit = fc.double({ min: 0, max: 1, noNaN: true })
const segments = fc.tuple(fc.array(fc.tuple(number, unit, number), { minLength: 1, maxLength: 7 }), number).map(
  ([steps, nextValue]): Segment => ({
    rewards: steps.map(each => each[0]),
    discounts: steps.map(each => each[1]),
    values: steps.map(each => each[2]),
    nextValue,
  }),
)
const valueAt = ({ values, nextValue }: Segment, t: number): number => (t < values.length ? values[t] : nextValue)
const deltaAt = (segment: Segment, t: number): number =>
  segment.rewards[t] + segment.discounts[t] * valueAt(segment, t + 1) - valueAt(segment, t)
const close = (a: number, b: number) => assert.ok(Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b)), `${a}, ${b}`)

describe('generalised advantages', () => {
  test('are the sum of eq. 16', () => {
    fc.assert(
      fc.property(segments, unit, (segment, lambda) => {
        gae(segment, lambda).forEach((advantage, t) => {
          let expected = 0
          let weight = 1
          for (let l = t; l < segment.rewards.length; l++) {
            expected += weight * deltaAt(segment, l)
            weight *= segment.discounts[l] * lambda
          }
          close(advantage, expected)
        })
      }),
    )
  })

  test('with λ 1 what was earned, less the value', () => {
    fc.assert(
      fc.property(segments, segment => {
        const advantages = gae(segment, 1)
        let earned = segment.nextValue
        for (let t = advantages.length - 1; t >= 0; t--) {
          earned = segment.rewards[t] + segment.discounts[t] * earned
          close(advantages[t], earned - segment.values[t])
        }
      }),
    )
  })

  test('with λ 0 the error of one step', () => {
    fc.assert(
      fc.property(segments, segment => {
        gae(segment, 0).forEach((advantage, t) => {
          close(advantage, deltaAt(segment, t))
        })
      }),
    )
  })

  test('standardised: mean 0, deviation 1; all the same: 0', () => {
    const made = standardise(Float64Array.of(1, 2, 3, 6))
    close(
      made.reduce((sum, each) => sum + each, 0),
      0,
    )
    close(made.reduce((sum, each) => sum + each * each, 0) / 4, 1)
    assert.deepEqual([...standardise(Float64Array.of(2, 2))], [0, 0])
  })
})
