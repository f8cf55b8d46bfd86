import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { annealed, createPriorities } from '../../../src/learner/replay/priorities.ts'
import { createReplay } from '../../../src/learner/replay/replay.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf } from '../examples.ts'

const options = { exponent: 0.6, importance: 0.4, importanceSteps: 100 }
const errors = [0, 0.1, 0.5, 1, 2, 5, 0, 0.2]
const EPSILON = 1e-3
const expected = errors.map(error => (error + EPSILON) ** options.exponent)
const total = expected.reduce((sum, each) => sum + each, 0)

function learned() {
  const priorities = createPriorities(errors.length, options)
  errors.forEach((error, place) => {
    priorities.learned(place, place % 2 ? -error : error)
  })
  return priorities
}

describe('proportional priorities', () => {
  test('frequencies of draws are p / Σ p: chi-square', () => {
    const priorities = learned()
    const random = createRandom(7)
    const counts = errors.map(() => 0)
    const draws = 40_000
    // one at a time: draws of a batch are stratified, so their counts vary less
    for (let n = 0; n < draws; n++) counts[priorities.draw(random, 1, 0)[0].place]++
    const chiSquare = counts.reduce((sum, count, place) => {
      const mean = (draws * expected[place]) / total
      return sum + (count - mean) ** 2 / mean
    }, 0)
    // 7 degrees of freedom, p = .001
    assert.ok(chiSquare < 24.3, `${chiSquare}`)
  })

  test('a batch has one draw from each equal part of the sum', () => {
    const priorities = learned()
    const counts = errors.map(() => 0)
    for (const { place } of priorities.draw(createRandom(7), 1000, 0)) counts[place]++
    counts.forEach((count, place) => {
      assert.ok(Math.abs(count - (1000 * expected[place]) / total) <= 2, `${place}: ${count}`)
    })
  })

  test('weights are (N P)^−β, the largest of the batch 1', () => {
    const drawn = learned().draw(createRandom(3), 64, 50)
    const beta = annealed(options, 50)
    assert.ok(Math.abs(beta - 0.7) < 1e-12)
    const plain = drawn.map(({ place }) => ((errors.length * expected[place]) / total) ** -beta)
    const most = Math.max(...plain)
    drawn.forEach(({ weight }, i) => {
      assert.ok(Math.abs(weight - plain[i] / most) < 1e-9)
    })
    assert.equal(Math.max(...drawn.map(({ weight }) => weight)), 1)
  })

  test('β grows to 1 and stays', () =>
    assert.deepEqual(
      [0, 100, 1000].map(step => annealed(options, step)),
      [0.4, 1, 1],
    ))

  test('what arrives has the highest priority so far; what is removed is not drawn', () => {
    const priorities = learned()
    priorities.arrive(0)
    assert.equal(priorities.highest, expected[5])
    assert.ok(Math.abs(priorities.total - (total - expected[0] + expected[5])) < 1e-12)
    for (let place = 1; place < errors.length; place++) priorities.remove(place)
    assert.equal(priorities.size, 1)
    assert.ok(priorities.draw(createRandom(1), 100, 0).every(({ place }) => place === 0))
    priorities.remove(0)
    assert.deepEqual(priorities.draw(createRandom(1), 100, 0), [])
  })
})

const state = Float64Array.of(1)
const example = (id: string, changes: object = {}) => exampleOf(state, { transition_id: id, ...changes })
const prioritised = { bufferSize: 4, bootstraps: false, maxAgeMs: 0, priorities: options }
/** Of many draws. */
function ids(replay: ReturnType<typeof createReplay>): string[] {
  const drawn = Array.from({ length: 300 }, (_, seed) => replay.draw(createRandom(seed), 8, 0)).flat()
  return [...new Set(drawn.map(({ entry }) => entry.example.transition.transition_id))].sort()
}

describe('replay', () => {
  /** Three transitions, the priorities of which are low but for the second's. */
  function replayed() {
    const replay = createReplay(prioritised)
    for (const id of ['a', 'b', 'c']) replay.take(example(id))
    const drawn = replay.draw(createRandom(1), 64, 0)
    replay.learned(
      drawn,
      Float64Array.from(drawn, ({ place }) => (place === 1 ? 1 : 0)),
    )
    return replay
  }
  const reward = (id: string, revision: number, click: number) =>
    example(id, { kind: 'reward', revision, cumulative: { click } })
  const mean = (replay: ReturnType<typeof createReplay>) => {
    replay.draw(createRandom(1), 1, 0)
    return replay.stats().priority_mean
  }
  const low = EPSILON ** options.exponent
  const high = (1 + EPSILON) ** options.exponent

  test('a revision that changes the reward renews the priority', () => {
    const replay = replayed()
    assert.ok(Math.abs(mean(replay) - (high + 2 * low) / 3) < 1e-12)
    replay.take(reward('c', 1, 1))
    assert.ok(Math.abs(mean(replay) - (2 * high + low) / 3) < 1e-12)
  })

  test('one that changes nothing does not, nor do those of a step that cancel each other', () => {
    for (const revisions of [
      [reward('c', 1, 0)],
      [reward('c', 1, 1), reward('c', 2, 0)],
      [reward('c', 2, 0), reward('c', 1, 1)],
    ]) {
      const replay = replayed()
      for (const revision of revisions) assert.equal(replay.take(revision), undefined)
      assert.ok(Math.abs(mean(replay) - (high + 2 * low) / 3) < 1e-12)
    }
  })

  test('what takes the place of the oldest has the highest priority', () => {
    const replay = replayed()
    replay.take(example('d'))
    replay.take(example('e'))
    assert.deepEqual(ids(replay), ['b', 'c', 'd', 'e'])
    assert.ok(Math.abs(replay.stats().priority_mean - (3 * high + low) / 4) < 1e-12)
  })

  test('an error that is not finite says nothing', () => {
    const replay = replayed()
    const drawn = replay.draw(createRandom(2), 8, 0)
    replay.learned(drawn, new Float64Array(8).fill(Number.NaN))
    assert.ok(Math.abs(mean(replay) - (high + 2 * low) / 3) < 1e-12)
  })

  for (const priorities of [undefined, options])
    test(`a bootstrapping learner draws no open transition${priorities ? ', by priority either' : ''}`, () => {
      const replay = createReplay({ ...prioritised, priorities, bootstraps: true })
      replay.take(example('open', { discount: null }))
      assert.deepEqual(replay.draw(createRandom(1), 8, 0), [])
      replay.take(example('ended', { terminated: true, discount: null }))
      assert.deepEqual(ids(replay), ['ended'])
    })

  for (const priorities of [undefined, options])
    test(`what is too old is refused, and drawn no more${priorities ? ', by priority either' : ''}`, () => {
      const replay = createReplay({ ...prioritised, priorities, maxAgeMs: 1000 })
      assert.equal(replay.take(example('a', { decision_time_ms: 5000 })), undefined)
      assert.equal(replay.take(example('b', { decision_time_ms: 3999 })), 'stale')
      assert.equal(replay.take(example('c', { decision_time_ms: 4000 })), undefined)
      assert.deepEqual(ids(replay), ['a', 'c'])
      replay.take(example('d', { decision_time_ms: 5500 }))
      assert.deepEqual(ids(replay), ['a', 'd'])
    })

  for (const priorities of [undefined, options])
    test(`what has become too old takes no draw away, and is counted once${priorities ? ', by priority either' : ''}`, () => {
      const replay = createReplay({ ...prioritised, bufferSize: 1000, priorities, maxAgeMs: 1000 })
      for (let n = 0; n < 990; n++) replay.take(example(`old ${n}`, { decision_time_ms: 1000 }))
      for (let n = 0; n < 10; n++) replay.take(example(`new ${n}`, { decision_time_ms: 9000 }))
      assert.equal(replay.draw(createRandom(1), 10, 0).length, 10)
      assert.deepEqual(
        [replay.buffer.size, replay.buffer.holds('old 989'), replay.buffer.holds('new 0')],
        [10, false, true],
      )
      assert.deepEqual([replay.dropped(), replay.dropped()], [{ stale: 990 }, { stale: 0 }])
      for (let n = 0; n < 2000; n++) replay.take(example(`later ${n}`, { decision_time_ms: 9500 }))
      assert.deepEqual(
        [replay.buffer.size, replay.buffer.holds('later 999'), replay.buffer.holds('later 1000')],
        [1000, false, true],
      )
      assert.equal(replay.draw(createRandom(1), 100, 0).length, 100)
      assert.deepEqual(replay.dropped(), { stale: 0 })
    })

  test('goes on with the newest time and the highest priority', () => {
    const [first, second] = [replayed(), createReplay({ ...prioritised, maxAgeMs: 1000 })]
    first.take(example('late', { decision_time_ms: 9000 }))
    second.restore(first.parameters())
    assert.deepEqual(second.parameters(), { newest_decision_ms: 9000, highest_priority: high })
    assert.equal(second.take(example('old', { decision_time_ms: 7999 })), 'stale')
  })
})
