/**
 * Every malformed, impossible or contradictory record that the joiner may meet, one by one: what it was, and the code
 * under which it goes to the dead letters. It never stops its neighbours: a good decision and its click are beside each.
 * (What does not even decode is refused before the joiner: test/log/chain.)
 */
import type { BehaviorEvent, Recommendation } from '../../schemas/records.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { decision, event, outcome } from './make.ts'

type Given = Recommendation | BehaviorEvent

export interface BadInput {
  readonly name: string
  /** The last is the bad one. */
  readonly records: readonly Given[]
  readonly code: ErrorCode
}

const bad = (name: string, code: ErrorCode, ...records: readonly Given[]): BadInput => ({ name, records, code })
const shown = decision('d1', 0, { items: ['a', 'b'] })
const click = outcome('click', 'd1', 1)
const other = decision('d2', 0)

export const badInputs: readonly BadInput[] = [
  // decisions
  bad('a NaN propensity (10)', 'PROPENSITY_INVALID', decision('d2', 0, { propensity: Number.NaN })),
  bad('a propensity of 0', 'PROPENSITY_INVALID', decision('d2', 0, { propensity: 0 })),
  bad('a negative propensity', 'PROPENSITY_INVALID', decision('d2', 0, { propensity: -0.5 })),
  bad('a propensity above 1', 'PROPENSITY_INVALID', decision('d2', 0, { propensity: 1.5 })),
  bad('an infinite propensity', 'PROPENSITY_INVALID', decision('d2', 0, { propensity: Number.POSITIVE_INFINITY })),
  bad('a first-draw propensity above 1', 'PROPENSITY_INVALID', {
    ...other,
    slots: [{ ...other.slots[0], first_draw_propensity: 1.5 }],
  }),
  bad('a survival probability of 0', 'PROPENSITY_INVALID', decision('d2', 0, { pass_probability: 0 })),
  bad('a survival probability whose weight is infinite', 'PROPENSITY_INVALID', {
    ...other,
    pass_probability: Number.MIN_VALUE,
  }),
  bad('a survival probability above 1', 'PROPENSITY_INVALID', decision('d2', 0, { pass_probability: 2 })),
  bad('a NaN survival probability', 'PROPENSITY_INVALID', decision('d2', 0, { pass_probability: Number.NaN })),
  bad('NUL in the decision id', 'RECORD_INVALID', decision('d\0', 0)),
  bad('NUL in the user of a decision', 'RECORD_INVALID', decision('d2', 0, { user_id: 'a\0b' })),
  bad('NUL in the session of a decision', 'RECORD_INVALID', decision('d2', 0, { session_id: 's\0' })),
  bad('NUL in an item of a slate', 'RECORD_INVALID', decision('d2', 0, { items: ['a', 'b\0'] })),
  bad('an item twice in a slate', 'RECORD_INVALID', decision('d2', 0, { items: ['a', 'b', 'a'] })),
  bad('a decision of an unknown policy', 'RECORD_INVALID', decision('d2', 0, { policy: 'gone' })),
  ...(
    [
      ['slate', { slate_hash: 'another' }],
      ['user', { user_id: 'v' }],
      ['time', { request_time_ms: other.request_time_ms + 1000 }],
      ['time of decision', { decision_time_ms: other.decision_time_ms + 1 }],
      ['propensity', { propensity: 0.1 }],
      ['first-draw propensity', { firstDraw: 0.1 }],
      ['survival probability', { pass_probability: 0.5 }],
      ['policy', { policy: 'second' }],
      ['session', { session_id: 't' }],
      ['place in the session', { session_step: 1 }],
      ['model version', { model_version: '0002' }],
      ['mode', { mode: 'apprentice' }],
      ['reason', { reason: 'expired' }],
      ['end by load shedding', { shed: true }],
      ['delivery', { deferred: true }],
    ] as const
  ).map(([what, options]) =>
    bad(`the same decision id with another ${what}`, 'RECORD_CONTRADICTS', other, decision('d2', 0, options)),
  ),

  // outcomes and their decision
  bad("an outcome of another user's decision", 'OUTCOME_WRONG_USER', shown, { ...click, user_id: 'v' }),
  bad('an outcome of another slate', 'SLATE_HASH_MISMATCH', shown, { ...click, slate_hash: 'x' }),
  bad('an outcome that waited, of another slate', 'SLATE_HASH_MISMATCH', { ...click, slate_hash: 'x' }, shown),
  bad('an item that was not shown', 'OUTCOME_ITEM_NOT_IN_SLATE', shown, { ...click, item_id: 'z' }),
  bad('a slot out of range', 'RECORD_INVALID', shown, { ...click, slot: 2 }),
  bad('a slot below 0', 'RECORD_INVALID', shown, { ...click, slot: -1 }),
  bad('a slot that showed another item', 'RECORD_INVALID', shown, { ...click, slot: 0, item_id: 'b' }),
  bad(
    'an outcome an hour before its decision',
    'OUTCOME_BEFORE_DECISION',
    decision('d1', 0),
    outcome('click', 'd1', -3600),
  ),
  bad('an outcome past the correction window (2)', 'OUTCOME_ORPHAN', shown, outcome('click', 'd1', 1001)),

  // outcomes by themselves
  bad('an infinite value', 'REWARD_NOT_FINITE', { ...click, value: Number.POSITIVE_INFINITY }),
  bad('an absurd value', 'REWARD_TOO_LARGE', { ...click, value: 1e17 }),
  bad('an absurd negative value', 'REWARD_TOO_LARGE', { ...click, value: -1e17 }),
  bad('a NaN value', 'REWARD_NOT_FINITE', { ...click, value: Number.NaN }),
  bad('a time of next year', 'TIME_IN_FUTURE', outcome('click', 'd1', 3e7)),
  bad('a time of 0', 'RECORD_INVALID', { ...click, time_ms: 0 }),
  bad('a negative time', 'RECORD_INVALID', { ...click, time_ms: -5 }),
  bad('no event id', 'RECORD_INVALID', { ...click, event_id: '' }),
  bad('no user id', 'RECORD_INVALID', { ...click, user_id: '' }),
  bad("NUL in the user id: it would be another user's prefix", 'RECORD_INVALID', { ...click, user_id: 'u\0' }),
  bad('no type', 'RECORD_INVALID', { ...click, type: '' }),
  bad('an empty decision id', 'RECORD_INVALID', { ...click, decision_id: '' }),
  bad('an empty item id', 'RECORD_INVALID', event('click', 1, { item_id: '' })),
  bad('an empty session id', 'RECORD_INVALID', event('leave', 1, { session_id: '' })),
  ...(
    [
      ['type', { type: 'purchase' }],
      ['value', { value: 7 }],
      ['time', { time_ms: click.time_ms + 1 }],
      ['item', { item_id: 'a' }],
      ['slot', { slot: 0 }],
      ['decision', { decision_id: 'd2' }],
      ['user', { user_id: 'v' }],
      ['session', { session_id: 't' }],
    ] as const
  ).map(([what, fields]) =>
    bad(`the same event id with another ${what}`, 'RECORD_CONTRADICTS', shown, click, { ...click, ...fields }),
  ),
]
