/** Every kind of bad input has its status and code, and leaves nothing in the log. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Problem } from '../../src/gateway/answers.ts'
import { runGateway } from '../../src/gateway/service.ts'
import { did, openLive } from '../operate/live.ts'
import { post, recordsOf, urlOf, wish } from './world.ts'

const RECOMMEND = '/v1/recommendations'
const EVENTS = '/v1/events'
const ITEMS = '/v1/items'

interface Case {
  readonly name: string
  readonly path?: string
  readonly body: unknown
  readonly headers?: Record<string, string>
  readonly status?: number
  readonly code?: string
  readonly says?: RegExp
}

const ids = (count: number) => Array.from({ length: count }, (_, n) => `i${n}`)
const event = (fields: object) => ({ events: [{ ...did('ann', 'click'), ...fields }] })
const item = (fields: object) => ({ items: [{ item_id: 'a', time_ms: 1, ...fields }] })
const late = Date.now() + 3_600_000

const cases: readonly Case[] = [
  { name: 'no JSON', body: '{"request_id":', code: 'RECORD_UNREADABLE' },
  {
    name: 'what is no UTF-8',
    body: Uint8Array.from(Buffer.from('{"request_id":"a\xff","user_id":"b"}', 'latin1')),
    code: 'RECORD_UNREADABLE',
    says: /UTF-8/,
  },
  { name: 'no body', body: '', code: 'RECORD_UNREADABLE' },
  {
    name: 'a poisoned prototype',
    body: '{"request_id":"a","user_id":"b","__proto__":{"x":1}}',
    code: 'RECORD_UNREADABLE',
  },
  {
    name: 'another media type',
    body: 'a',
    headers: { 'content-type': 'text/plain' },
    status: 415,
    code: 'HTTP_MEDIA_TYPE',
  },
  {
    name: 'a form',
    body: 'a=b',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    status: 415,
    code: 'HTTP_MEDIA_TYPE',
  },
  { name: 'a list', body: [], says: /body: must be object/ },
  { name: 'null', body: 'null', says: /body: must be object/ },
  { name: 'an empty object', body: {}, says: /request_id/ },
  { name: 'no user', body: { request_id: 'a' }, says: /user_id/ },
  { name: 'an unknown field', body: { ...wish(), slot: 1 }, says: /additional properties \(slot\)/ },
  { name: "the gateway's own field", body: { ...wish(), time_ms: 1 }, says: /\(time_ms\)/ },
  { name: 'a number as id', body: { ...wish(), request_id: 1 }, says: /request_id: must be string/ },
  { name: 'an empty id', body: { ...wish(), request_id: '' }, says: /request_id is empty/ },
  { name: 'an id with NUL', body: wish({ user_id: 'a\0b' }), says: /user_id holds NUL/ },
  { name: 'an id with half a character', body: wish({ user_id: 'a\ud800' }), says: /user_id: must match/ },
  { name: 'an id too long', body: wish({ user_id: 'x'.repeat(1025) }), says: /user_id: must NOT have more than 1024/ },
  { name: 'slots as text', body: { ...wish(), slots: '2' }, says: /slots: must be integer/ },
  { name: 'half a slot', body: wish({ slots: 1.5 }), says: /slots: must be integer/ },
  { name: 'no slots', body: wish({ slots: 0 }), says: /slots: 0/ },
  { name: 'too many slots', body: wish({ slots: 51 }), says: /slots: 51/ },
  { name: 'slots beyond an int', body: wish({ slots: 2 ** 40 }), says: /slots: must be <=/ },
  { name: 'an unknown policy', body: wish({ policy: 'none' }), says: /policy: "none" is not configured/ },
  { name: 'candidates as text', body: { ...wish(), candidates: 'a' }, says: /candidates: must be array,null/ },
  {
    name: 'a candidate that is no text',
    body: { ...wish(), candidates: ['a', 1] },
    says: /candidates\.1: must be string/,
  },
  { name: 'no candidate', body: wish({ candidates: [] }), says: /candidates is an empty list/ },
  { name: 'an empty candidate', body: wish({ candidates: [''] }), says: /candidates holds an empty id/ },
  { name: 'too many candidates', body: wish({ candidates: ids(1001) }), says: /1001 ids, more than 1000/ },
  { name: 'a candidate twice', body: wish({ candidates: ['a', 'b', 'a'] }), says: /candidates names an id twice/ },
  { name: 'a baseline item twice', body: wish({ baseline: ['a', 'a'] }), says: /baseline names an id twice/ },
  {
    name: 'a pin outside of the slate',
    body: wish({ slots: 1, pinned: [{ position: 1, item_id: 'a' }] }),
    says: /position 1 is not within 0/,
  },
  { name: 'a pin without an item', body: { ...wish(), pinned: [{ position: 0 }] }, says: /pinned\.0.*item_id/ },
  { name: 'a nested context', body: { ...wish(), context: { a: { b: 1 } } }, says: /context\.a: must be/ },
  { name: 'a context that is a list', body: { ...wish(), context: [1] }, says: /context: must be object/ },
  {
    name: 'a context beyond numbers',
    body: `{"request_id":"a","user_id":"b","context":{"x":1e999}}`,
    says: /context\.x: must be/,
  },
  { name: 'a negative deadline', body: wish({ deadline_ms: -1 }), says: /deadline_ms: -1 is not a time/ },
  { name: 'a negative wait', body: wish({ timeout_ms: -1 }), says: /timeout_ms: must be >= 1/ },
  { name: 'too long a wait', body: wish({ timeout_ms: 10_001 }), says: /timeout_ms: must be <= 10000/ },
  { name: 'a deadline that is over', body: wish({ deadline_ms: 1 }), status: 504, code: 'DEADLINE_EXCEEDED' },
  {
    name: 'a body too large',
    body: wish({ context: { x: 'x'.repeat(70_000) } }),
    status: 413,
    code: 'HTTP_BODY_TOO_LARGE',
  },
  { name: 'an unknown path', path: '/v1/recommend', body: {}, status: 404, code: 'HTTP_NOT_FOUND' },
  { name: 'a path that is no path', path: '/v1/%zz', body: {}, status: 404, code: 'HTTP_NOT_FOUND' },
  { name: 'no events', path: EVENTS, body: { events: [] }, says: /events: must NOT have fewer than 1/ },
  { name: 'too many events', path: EVENTS, body: { events: ids(21).map(id => did('ann', id)) }, says: /more than 20/ },
  {
    name: 'an event without an id',
    path: EVENTS,
    body: { events: [{ user_id: 'a', type: 'click', time_ms: 1 }] },
    says: /event_id/,
  },
  { name: 'an event of a type of ours', path: EVENTS, body: event({ type: '$forget' }), says: /\$forget is reserved/ },
  { name: 'an event of the future', path: EVENTS, body: event({ time_ms: late }), code: 'TIME_IN_FUTURE' },
  { name: 'an absurd value', path: EVENTS, body: event({ value: 1e300 }), code: 'REWARD_TOO_LARGE' },
  { name: 'an event at no time', path: EVENTS, body: event({ time_ms: 0 }), says: /events\[0\]: time_ms: 0/ },
  { name: 'an event with an unknown field', path: EVENTS, body: event({ price: 1 }), says: /events\.0: .*\(price\)/ },
  {
    name: 'one bad event among good ones',
    path: EVENTS,
    body: { events: [did('ann', 'click'), did('bob', 'click', { slot: -1 })] },
    says: /events\[1\]: slot: -1/,
  },
  { name: 'no items', path: ITEMS, body: { items: [] }, says: /items: must NOT have fewer than 1/ },
  { name: 'too many items', path: ITEMS, body: { items: Array(21).fill(item({}).items[0]) }, says: /more than 20/ },
  { name: 'an item without a name', path: ITEMS, body: item({ item_id: '' }), says: /items\[0\]: item_id is empty/ },
  { name: 'an item of the future', path: ITEMS, body: item({ time_ms: late }), code: 'TIME_IN_FUTURE' },
  { name: 'an item with an unknown field', path: ITEMS, body: item({ price: 1 }), says: /items\.0: .*\(price\)/ },
  {
    name: 'a nested attribute',
    path: ITEMS,
    body: item({ attributes: { a: [] } }),
    says: /items\.0\.attributes\.a: must/,
  },
]

test('bad input', async t => {
  const { context } = await openLive(t, { gateway: { maxBodyBytes: 1 << 16, maxEvents: 20 } })
  const gateway = await runGateway(context)
  t.after(() => gateway.stop())
  while (gateway.waitingFor() !== '') await sleep(5)
  for (const { name, path = RECOMMEND, body, headers, status = 400, code = 'RECORD_INVALID', says } of cases)
    await t.test(name, async () => {
      const reply = await post(urlOf(gateway) + path, body, headers)
      assert.deepEqual([reply.status, reply.body.code], [status, code], reply.body.detail)
      assert.match(reply.headers.get('content-type')!, /^application\/problem\+json/)
      assert.equal(reply.body.status, status)
      assert.ok(reply.body.title.length > 0 && reply.body.remedy.length > 0)
      assert.match(reply.body.detail, says ?? /./)
    })
  const nul = await fetch(`${urlOf(gateway)}${ITEMS}/a%00`, { method: 'DELETE' })
  assert.equal(nul.status, 400)
  for (const length of [1025, 13_000])
    for (const [method, path] of [
      ['DELETE', `${ITEMS}/${'x'.repeat(length)}`],
      ['GET', `/v1/users/${'x'.repeat(length)}/state`],
    ] as const) {
      const reply = await fetch(urlOf(gateway) + path, { method })
      const { code } = (await reply.json()) as Problem
      assert.deepEqual([reply.status, code], [400, 'RECORD_INVALID'], `${method} of ${length} characters`)
    }
  for (const topic of ['requests', 'events', 'items'] as const) assert.deepEqual(await recordsOf(context, topic), [])
})
