import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BehaviorEvent, Item, Request, UserProfile } from '../../schemas/records.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { validateEvent, validateItem, validateProfile, validateRequest } from '../../src/events/validate.ts'

const nowMs = 1_764_000_000_000
const limits = { futureSkewMs: 1000, maxCandidates: 3, maxSlots: 2, maxValue: 100 }
const request: Request = {
  request_id: 'r',
  user_id: 'u',
  session_id: null,
  policy: 'p',
  time_ms: nowMs,
  deadline_ms: null,
  slots: 1,
  context: {},
  candidates: null,
  baseline: null,
  excluded: null,
  pinned: null,
  deferred: false,
  explain: false,
}
const event: BehaviorEvent = {
  event_id: 'e',
  user_id: 'u',
  session_id: null,
  decision_id: null,
  item_id: null,
  slot: null,
  type: 'click',
  slate_hash: null,
  value: null,
  time_ms: nowMs,
}
const item: Item = { item_id: 'i', text: null, attributes: {}, available: true, time_ms: nowMs }
const profile: UserProfile = { user_id: 'u', text: null, attributes: {}, time_ms: nowMs }

type Expected = [ErrorCode, RegExp] | null
const times: [string, { time_ms: number }, Expected][] = [
  ['time at the bound', { time_ms: nowMs + 1000 }, null],
  ['time over the bound', { time_ms: nowMs + 1001 }, ['TIME_IN_FUTURE', /1001 ms ahead/]],
  ['time 0', { time_ms: 0 }, ['RECORD_INVALID', /time_ms/]],
  ['time below 0', { time_ms: -5 }, ['RECORD_INVALID', /time_ms/]],
  ['time long ago', { time_ms: 1 }, null],
]
const requests: [string, Partial<Request>, Expected][] = [
  ['as it should be', {}, null],
  ...times,
  ['no request id', { request_id: '' }, ['RECORD_INVALID', /request_id/]],
  ['no user', { user_id: '' }, ['RECORD_INVALID', /user_id/]],
  ['no policy', { policy: '' }, ['RECORD_INVALID', /policy/]],
  ['empty session', { session_id: '' }, ['RECORD_INVALID', /session_id/]],
  ['no slots', { slots: 0 }, ['RECORD_INVALID', /slots: 0/]],
  ['most slots', { slots: 2 }, null],
  ['too many slots', { slots: 3 }, ['RECORD_INVALID', /slots: 3/]],
  ['most candidates', { candidates: ['a', 'b', 'c'] }, null],
  ['no candidates', { candidates: [] }, ['RECORD_INVALID', /candidates/]],
  ['too many candidates', { candidates: ['a', 'b', 'c', 'd'] }, ['RECORD_INVALID', /more than 3/]],
  ['a candidate twice', { candidates: ['a', 'a'] }, ['RECORD_INVALID', /twice/]],
  ['an empty candidate', { candidates: ['a', ''] }, ['RECORD_INVALID', /empty id/]],
  ['NUL in a candidate', { candidates: ['a', 'b\0c'] }, ['RECORD_INVALID', /NUL/]],
  ['NUL in the request id', { request_id: 'r\0' }, ['RECORD_INVALID', /request_id holds NUL/]],
  ['NUL in the user', { user_id: 'a\0b' }, ['RECORD_INVALID', /user_id holds NUL/]],
  ['an empty baseline', { baseline: [] }, ['RECORD_INVALID', /baseline/]],
  ['an excluded item twice', { excluded: ['a', 'a'] }, ['RECORD_INVALID', /excluded/]],
  [
    'two pins at a place',
    {
      slots: 2,
      pinned: [
        { position: 1, item_id: 'a' },
        { position: 1, item_id: 'b' },
      ],
    },
    ['RECORD_INVALID', /pinned names a position twice/],
  ],
  [
    'a pin of an item twice',
    {
      slots: 2,
      pinned: [
        { position: 1, item_id: 'a' },
        { position: 0, item_id: 'a' },
      ],
    },
    ['RECORD_INVALID', /pinned names an id twice/],
  ],
  ['a pin before the slate', { pinned: [{ position: -1, item_id: 'a' }] }, ['RECORD_INVALID', /position -1/]],
  ['a baseline item twice', { baseline: ['a', 'a'] }, ['RECORD_INVALID', /baseline/]],
]
const events: [string, Partial<BehaviorEvent>, Expected][] = [
  ['as it should be', {}, null],
  ...times,
  ['no event id', { event_id: '' }, ['RECORD_INVALID', /event_id/]],
  ['no user', { user_id: '' }, ['RECORD_INVALID', /user_id/]],
  ['no type', { type: '' }, ['RECORD_INVALID', /type/]],
  ['an erasure', { type: '$forget' }, null],
  ['an erasure that names more', { type: '$forget', item_id: 'i' }, ['RECORD_INVALID', /more than its user/]],
  ['a reserved type that is none', { type: '$other' }, ['RECORD_INVALID', /reserved/]],
  ['empty session', { session_id: '' }, ['RECORD_INVALID', /session_id/]],
  ['empty decision', { decision_id: '' }, ['RECORD_INVALID', /decision_id/]],
  ['empty item', { item_id: '' }, ['RECORD_INVALID', /item_id/]],
  ...(['event_id', 'user_id', 'session_id', 'decision_id', 'item_id', 'type'] as const).map(
    (name): (typeof events)[number] => [`NUL in ${name}`, { [name]: 'a\0b' }, ['RECORD_INVALID', /holds NUL/]],
  ),
  ['slot 0', { slot: 0 }, null],
  ['slot -1', { slot: -1 }, ['RECORD_INVALID', /slot/]],
  ['negative value', { value: -3 }, null],
  ['largest value', { value: -100 }, null],
  ['too large a value', { value: -101 }, ['REWARD_TOO_LARGE', /-101 is more than 100/]],
  ['NaN', { value: Number.NaN }, ['REWARD_NOT_FINITE', /NaN/]],
  ['infinite value', { value: Number.POSITIVE_INFINITY }, ['REWARD_NOT_FINITE', /Infinity/]],
]
const items: [string, Partial<Item>, Expected][] = [
  ['as it should be', {}, null],
  ...times,
  ['NUL in the id', { item_id: '\0' }, ['RECORD_INVALID', /NUL/]],
  ['no id', { item_id: '' }, ['RECORD_INVALID', /item_id/]],
]
const profiles: [string, Partial<UserProfile>, Expected][] = [
  ['as it should be', {}, null],
  ...times,
  ['NUL in the id', { user_id: '\0' }, ['RECORD_INVALID', /NUL/]],
  ['no id', { user_id: '' }, ['RECORD_INVALID', /user_id/]],
]

function table<T>(
  name: string,
  good: T,
  check: (value: T, nowMs: number, limit: typeof limits) => unknown,
  cases: [string, Partial<T>, Expected][],
) {
  describe(name, () => {
    for (const [title, change, expected] of cases)
      test(title, () => {
        const fault = check({ ...good, ...change }, nowMs, limits) as { code: string; detail: string } | null
        assert.equal(fault?.code ?? null, expected?.[0] ?? null)
        if (expected) assert.match(fault!.detail, expected[1])
      })
  })
}
table('requests', request, validateRequest, requests)
table('events', event, validateEvent, events)
table('items', item, validateItem, items)
table('profiles', profile, validateProfile, profiles)
