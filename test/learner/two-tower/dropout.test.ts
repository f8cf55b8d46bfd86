import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { withDropout } from '../../../src/learner/two-tower/dropout.ts'
import { createRandom } from '../../../src/state/random.ts'

const sparse = (present: number, length: number) => Float64Array.from({ length }, (_, i) => (i < present ? i + 1 : 0))
const candidates = [Float32Array.of(1, 2)]
/** Over many draws: the share of the inputs that are gone, and the mean of what is left of each. */
function drawn(state: Float64Array, rate: number) {
  const random = createRandom(3)
  const draws = Array.from({ length: 4000 }, () => withDropout({ state, candidates }, rate, random).state)
  const present = [...state.keys()].filter(i => state[i] !== 0)
  const gone = draws.reduce((count, each) => count + present.filter(i => each[i] === 0).length, 0)
  const means = present.map(i => draws.reduce((sum, each) => sum + each[i], 0) / draws.length / state[i])
  return { gone: gone / draws.length / present.length, means }
}

describe('the share of the inputs that a step does without', () => {
  const cases: [string, number, number, number, number][] = [
    ['a few words of many', 5, 100, 0.2, 0.19],
    ['half of all there are', 5, 10, 0.2, 0.1],
    ['all there are: nothing is missed', 5, 5, 0.2, 0],
    ['none wanted', 5, 100, 0, 0],
  ]
  for (const [name, present, length, rate, expected] of cases)
    test(name, () => {
      const { gone, means } = drawn(sparse(present, length), rate)
      assert.ok(Math.abs(gone - expected) < 0.01, `${gone}`)
      for (const mean of means) assert.ok(Math.abs(mean - 1) < 0.03, `${mean}`)
    })
})

test('the decision itself is left as it is', () => {
  const state = sparse(20, 1000)
  const before = state.slice()
  const seen = withDropout({ state, candidates }, 0.5, createRandom(1))
  assert.deepEqual(state, before)
  assert.notDeepEqual(seen.state, before)
  assert.equal(seen.candidates, candidates)
})
