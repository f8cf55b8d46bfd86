/** What the trainer tells of an episode is what the joiner ends in when it reads the same decisions and events. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Recommendation, Transition } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { merge } from '../../src/demo/merge.ts'
import type { Environment } from '../../src/environments/environment.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { vectorise } from '../../src/environments/vector.ts'
import { createActor, enter } from '../../src/training/actor.ts'
import { type Open, openDecision, transitionsOf } from '../../src/training/episode.ts'
import { event, input, outcome, startRun, tick } from '../transitions/make.ts'

const START = 1_700_000_000_000

function configOf(environment: Environment, changes = {}) {
  const windows = { attributionWindowMs: 10_000, correctionWindowMs: 1_000_000, sessionGapMs: 30_000 }
  return parseConfig(merge(environment.preset, { policies: [{ ...windows, ...changes }] }))
}

/** One session, told both ways. @returns the trainer's transitions, and the joiner's last revisions */
function bothWays(environment: Environment, index: number, changes = {}) {
  const config = configOf(environment, changes)
  const [policy] = config.policies
  const actor = createActor(config, environment)
  const { run, take } = startRun(config)
  const vector = vectorise({ ...environment, sessions: index + 1 }, 1, 4, index)
  const told: Transition[] = []
  const records: Parameters<typeof input>[0][] = []
  let user = enter(actor, vector.lanes[0]!, START)
  let open: Open | null = null
  let seconds = 0
  while (vector.lanes[0]) {
    const lane = vector.lanes[0]
    const timeMs = START + ++seconds * 1000
    const decided: { decision: Recommendation; user: typeof user } = actor.decide(lane, user, timeMs)
    const { decision } = decided
    if (open) told.push(...transitionsOf(open, { decision }, policy))
    const [{ outcomes, next }] = vector.step([decision.slots.map(slot => slot.item_id)]) as [
      NonNullable<ReturnType<typeof vector.step>[number]>,
    ]
    open = openDecision(decision, outcomes)
    const whose = { user_id: decision.user_id, session_id: decision.session_id }
    records.push(decision)
    for (const act of outcomes) {
      const slot = decision.slots.findIndex(({ item_id }) => item_id === act.itemId)
      const said = { ...whose, item_id: act.itemId, value: act.value, slot }
      records.push(outcome(act.type, decision.decision_id, seconds, said))
    }
    for (const act of next.organic) records.push(event(act.type, seconds, whose))
    if (next.done) told.push(...transitionsOf(open, { end: next }, policy))
    user = actor.see(decided.user, lane, [...outcomes, ...next.organic], timeMs)
  }
  take({ tick: tick(seconds), inputs: records.map(input) })
  take({ tick: tick(seconds + 100), inputs: [] })
  return { told, joined: run.written, refused: run.refused }
}

/** Revisions are how it came about; the joiner needs several. */
const withoutHistory = ({ revision: _r, kind: _k, delta: _d, emitted_time_ms: _e, ...rest }: Transition) => rest

const compare = (environment: Environment, index: number, changes = {}) => {
  const { told, joined, refused } = bothWays(environment, index, changes)
  assert.deepEqual(refused, [])
  const last = new Map(joined.map(each => [each.transition_id, each]))
  assert.deepEqual(told.map(withoutHistory), [...last.values()].map(withoutHistory))
  assert.ok(
    told.every(({ kind, revision, delta, cumulative }) => kind === 'initial' && revision === 0 && delta === cumulative),
  )
  return told
}

describe('told as the joiner would', () => {
  test('who leaves is terminated at the end, discounted between', () => {
    for (let index = 0; index < 8; index++) {
      const told = compare(openEnvironment('e-commerce-sessions'), index, { gamma: 0.9 })
      const end = told.pop()!
      assert.deepEqual([end.terminated, end.truncated, end.discount, end.next_state], [true, false, null, null])
      for (const each of told) assert.ok(Math.abs(each.discount! - 0.9) < 1e-12 && each.next_candidates!.length === 16)
    }
  })
  test('slates: each slot, and the slate as a whole', () => {
    const told = compare(openEnvironment('slate-choice'), 1)
    assert.deepEqual(
      told.slice(0, 4).map(({ slot }) => slot),
      [0, 1, 2, -1],
    )
    assert.ok(told.some(({ slot, cumulative }) => slot >= 0 && cumulative.watch > 0))
  })
  test('a session that just ends is truncated', () => {
    const told = compare(openEnvironment('long-term'), 3)
    assert.equal(told.length, 30)
    assert.deepEqual([told.at(-1)!.terminated, told.at(-1)!.truncated], [false, true])
  })
  test('a bandit wants no way on', () => {
    const told = compare(openEnvironment('long-term'), 2, { gamma: 0 })
    assert.ok(
      told.every(({ discount, next_state, terminated }) => discount === 0 && next_state === null && !terminated),
    )
  })
})
