/** The sequences of a log: what comes after each of its decisions, as the joiner has it of the same decisions and events. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BehaviorEvent, Transition } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { type LoggedRow, transitionsOf } from '../../src/learner/warm-start.ts'
import { decision, input, startRun } from '../transitions/make.ts'
import { features, happens, logOf, shows } from './log-rows.ts'

const minute = 60_000
const GAMMA = 0.5

const configOf = (gamma: number) =>
  parseConfig({
    features: { dimensions: 2 },
    policies: [{ gamma, attributionWindowMs: minute, sessionGapMs: 10_000, rewards: { click: {} } }],
  })
const walked = (rows: readonly LoggedRow[], gamma = GAMMA): Transition[] => {
  const config = configOf(gamma)
  return [...transitionsOf(logOf(rows), config, config.policies[0], features).transitions]
}

/** A decision, so many seconds on. */
const at = (id: string, seconds: number, changes: Parameters<typeof shows>[1] = {}): LoggedRow =>
  shows(id, { time_ms: 1000 * seconds, ...changes })
const leaves = (seconds: number, changes: Partial<BehaviorEvent> = {}): LoggedRow =>
  happens(`leave ${seconds}`, { type: 'leave', item_id: null, time_ms: 1000 * seconds, ...changes })

interface Case {
  readonly rows: readonly LoggedRow[]
  /** Of each transition: id, session, step, and the next decision with its discount, or how it ended. */
  readonly ways: readonly (readonly [
    id: string,
    session: string,
    step: number,
    way: readonly [string, number] | 'end' | 'cut',
  ])[]
}

const cases: Readonly<Record<string, Case>> = {
  'a decision goes on to the next one of its person within the gap; of the last nothing is known': {
    rows: [at('d', 1), at('e', 3), at('f', 13)],
    ways: [
      ['d/0', 'ann~d', 0, ['e', GAMMA ** 2]],
      ['e/0', 'ann~d', 1, ['f', GAMMA ** 10]],
      ['f/0', 'ann~d', 2, 'cut'],
    ],
  },
  'beyond the gap there is another session': {
    rows: [at('d', 1), at('e', 11.001)],
    ways: [
      ['d/0', 'ann~d', 0, 'cut'],
      ['e/0', 'ann~e', 0, 'cut'],
    ],
  },
  'people and sessions that are named are told apart, and a named one goes on after any time': {
    rows: [
      at('d', 1, { session_id: 'one' }),
      at('e', 2, { session_id: 'two' }),
      at('f', 3, { session_id: 'one', user_id: 'bob' }),
      at('g', 101, { session_id: 'one' }),
    ],
    ways: [
      ['d/0', 'one', 0, ['g', GAMMA ** 100]],
      ['e/0', 'two', 0, 'cut'],
      ['f/0', 'one', 0, 'cut'],
      ['g/0', 'one', 1, 'cut'],
    ],
  },
  'who leaves ends all sessions of theirs': {
    rows: [
      at('d', 1, { session_id: 'one' }),
      at('e', 2, { session_id: 'two' }),
      at('f', 2, { user_id: 'bob' }),
      leaves(3),
    ],
    ways: [
      ['d/0', 'one', 0, 'end'],
      ['e/0', 'two', 0, 'end'],
      ['f/0', 'bob~f', 0, 'cut'],
    ],
  },
  'who leaves a session ends that, by its name or by a decision of it': {
    rows: [
      at('d', 1, { session_id: 'one' }),
      at('e', 2, { session_id: 'two' }),
      at('f', 3, { session_id: 'three' }),
      leaves(4, { session_id: 'one' }),
      leaves(5, { decision_id: 'e' }),
    ],
    ways: [
      ['d/0', 'one', 0, 'end'],
      ['e/0', 'two', 0, 'end'],
      ['f/0', 'three', 0, 'cut'],
    ],
  },
  'who leaves and comes back goes on': {
    rows: [at('d', 1), leaves(2), at('e', 3)],
    ways: [
      ['d/0', 'ann~d', 0, ['e', GAMMA ** 2]],
      ['e/0', 'ann~d', 1, 'cut'],
    ],
  },
  "a leave of before, of a stranger's decision or of one that is not there ends nothing": {
    rows: [leaves(0.5), at('d', 1), leaves(2, { decision_id: 'd', user_id: 'bob' }), leaves(3, { decision_id: 'x' })],
    ways: [['d/0', 'ann~d', 0, 'cut']],
  },
  'decisions of one moment follow each other in order of the log': {
    rows: [at('e', 1), at('d', 1), leaves(2)],
    ways: [
      ['e/0', 'ann~e', 0, ['d', 1]],
      ['d/0', 'ann~e', 1, 'end'],
    ],
  },
  'all slots of a slate go the same way, and so does the whole': {
    rows: [at('d', 1, { slots: 2, baseline: ['a', 'b'] }), at('e', 2), leaves(3)],
    ways: [
      ['d/0', 'ann~d', 0, ['e', GAMMA]],
      ['d/1', 'ann~d', 0, ['e', GAMMA]],
      ['d/-1', 'ann~d', 0, ['e', GAMMA]],
      ['e/0', 'ann~d', 1, 'end'],
    ],
  },
  'what showed nothing is no part of a session': {
    rows: [at('d', 1), at('x', 2, { baseline: [] }), at('d', 2), at('e', 3)],
    ways: [
      ['d/0', 'ann~d', 0, ['e', GAMMA ** 2]],
      ['e/0', 'ann~d', 1, 'cut'],
    ],
  },
}

const wayOf = ({ next_decision_id, discount, terminated, truncated }: Transition) => ({
  next_decision_id,
  discount,
  terminated,
  truncated,
})

/** The last revision of each transition when the joiner is told what the log says, long after. */
function joined(rows: readonly LoggedRow[], transitions: readonly Transition[]): Map<string, Transition> {
  const { run, take } = startRun(configOf(GAMMA))
  const slates = new Map(transitions.map(each => [each.decision_id, each]))
  const decisions = [...slates.values()].map(each =>
    decision(each.decision_id, 0, {
      user_id: each.user_id,
      session_id: each.session_id,
      session_step: each.session_step,
      request_time_ms: each.decision_time_ms,
      decision_time_ms: each.decision_time_ms,
      items: Array.from({ length: each.slots }, (_, i) => 'ab'[i]!),
      state: each.state,
      candidates: each.candidates,
    }),
  )
  const later = 3_600_000
  take({
    tick: { timeMs: 1, watermarkMs: 1 },
    inputs: [...decisions, ...rows.flatMap(({ events }) => events)].map(input),
  })
  take({ tick: { timeMs: later, watermarkMs: later }, inputs: [] })
  return new Map(run.written.map(each => [each.transition_id, each]))
}

describe('sequences of a log', () => {
  for (const [name, { rows, ways }] of Object.entries(cases))
    test(name, () => {
      const transitions = walked(rows)
      assert.deepEqual(
        transitions.map(({ transition_id, session_id, session_step, ...way }) => {
          const { next_decision_id, discount, terminated, truncated } = way
          const end = terminated ? 'end' : truncated ? 'cut' : null
          return [transition_id, session_id, session_step, end ?? [next_decision_id, discount]]
        }),
        ways,
      )
      const expected = joined(rows, transitions)
      for (const transition of transitions) {
        assert.deepEqual(wayOf(transition), wayOf(expected.get(transition.transition_id)!))
        const next = transitions.find(each => each.decision_id === transition.next_decision_id)
        assert.deepEqual(transition.next_state, next?.state ?? null)
        assert.deepEqual(transition.next_candidates, next?.candidates ?? null)
      }
    })

  test('a bandit has none', () => {
    for (const { discount, next_decision_id, next_state, terminated, truncated } of walked(
      [at('d', 1), at('e', 2), leaves(3)],
      0,
    ))
      assert.deepEqual([discount, next_decision_id, next_state, terminated, truncated], [0, null, null, false, false])
  })
})
