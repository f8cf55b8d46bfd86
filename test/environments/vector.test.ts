import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Transition } from '../../src/environments/environment.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { vectorise } from '../../src/environments/vector.ts'

const environment = openEnvironment('long-term')

/** What each session met, by its id, when i0 is shown always. */
function together(lanes: number, rounds: number, from = 0) {
  const vector = vectorise(environment, lanes, 2, from)
  const met = new Map<string, Transition[]>()
  for (let round = 0; round < rounds; round++) {
    const ids = vector.lanes.map(lane => lane!.session.sessionId)
    vector.step(ids.map(() => ['i0'])).forEach((transition, i) => {
      met.set(ids[i], [...(met.get(ids[i]) ?? []), transition!])
    })
  }
  return { met, next: vector.next }
}

test('sessions side by side are the sessions one by one', () => {
  const { met, next } = together(7, 200)
  const ended = [...met].filter(([, transitions]) => transitions.at(-1)!.next.done)
  assert.ok(ended.length > 20 && next >= met.size && next <= met.size + 7)
  for (const [id, transitions] of ended) {
    const session = environment.session(Number(id.split('-')[1]), 2)
    session.reset()
    assert.deepEqual(
      transitions,
      transitions.map(() => session.step(['i0'])),
    )
  }
})

test('they begin in order, and where one is told to', () => {
  assert.deepEqual(
    vectorise(environment, 3, 2, 10).lanes.map(lane => lane!.session.sessionId),
    ['t2-10', 't2-11', 't2-12'],
  )
})

test('a world that ends empties its lanes', () => {
  const vector = vectorise({ ...environment, sessions: 3 }, 2, 2)
  let decisions = 0
  for (; vector.lanes.some(lane => lane !== null); decisions++)
    vector.step(vector.lanes.map(lane => (lane ? ['i0'] : null)))
  assert.ok(decisions > 2)
  assert.equal(vector.next, 3)
  assert.deepEqual(vector.step([null, null]), [null, null])
})
