/** Late, left, refused: what an answer is worth when something is in its way. */
import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Request } from '../../schemas/records.ts'
import { SILENT_MS } from '../../src/gateway/append.ts'
import { runGateway } from '../../src/gateway/service.ts'
import { topicName } from '../../src/pipeline.ts'
import { did } from '../operate/live.ts'
import { transitionsOf } from './contract.ts'
import { activations, barrier, openWorld, post, recordsOf, troubled, until, urlOf, type World, wish } from './world.ts'

const RECOMMEND = '/v1/recommendations'

/** A second gateway whose reads of decisions, or appends, wait while the barrier is shut. */
async function behind(t: TestContext, world: World, call: 'append' | 'read') {
  const way = barrier()
  t.after(way.open)
  const { prefix } = world.context.config.topics
  const topic = topicName(prefix, call === 'read' ? 'recommendations' : 'requests')
  const fault = (which: string, at: string) => (which === call && at === topic ? way.passed() : undefined)
  const gateway = await world.another(context => ({ ...context, log: troubled(context.log, fault) }))
  return { ...way, url: urlOf(gateway) }
}

const counted = async ({ context }: World, name: string): Promise<string> =>
  (await context.meter.registry.getSingleMetricAsString(name)).split('\n').slice(2).join('\n')

test('who leaves before the answer never got it: not activated, never learned', async t => {
  const world = await openWorld(t)
  const way = await behind(t, world, 'read')
  const mine = wish({ user_id: 'gone' })
  way.shut()
  const call = httpRequest(way.url + RECOMMEND, { method: 'POST', headers: { 'content-type': 'application/json' } })
  call.on('error', () => {})
  call.end(JSON.stringify(mine))
  await until(async () => (await world.decisions()).length === 1, 'the decision')
  call.destroy()
  await until(async () => (await counted(world, 'feedloop_gateway_requests_total')).includes('code="499"'), '499')
  way.open()
  const other = wish({ user_id: 'ann' })
  await post(way.url + RECOMMEND, other)
  await until(async () => (await activations(world.context, other.request_id)).length === 1, 'the other activation')
  await world.settled()
  assert.deepEqual(await activations(world.context, mine.request_id), [])
  const learned = (await transitionsOf(world)).map(({ user_id }) => user_id)
  assert.ok(learned.includes('ann') && !learned.includes('gone'), learned.join())
})

test('past its deadline a call ends with 504, and what is decided later was never delivered, until asked for again', async t => {
  const world = await openWorld(t)
  const way = await behind(t, world, 'read')
  const mine = wish({ timeout_ms: 300 })
  way.shut()
  const late = await post(way.url + RECOMMEND, mine)
  assert.deepEqual([late.status, late.body.code], [504, 'DEADLINE_EXCEEDED'])
  assert.match(late.headers.get('content-type')!, /^application\/problem\+json/)
  way.open()
  await until(async () => (await world.decisions()).length === 1, 'the decision')
  assert.deepEqual(await activations(world.context, mine.request_id), [])
  const again = await post(way.url + RECOMMEND, { ...mine, timeout_ms: 5000 })
  assert.equal(again.status, 200)
  await until(async () => (await activations(world.context, mine.request_id)).length === 1, 'the activation')
})

test('little patience is no fault of the log', async t => {
  const world = await openWorld(t)
  const way = await behind(t, world, 'append')
  way.shut()
  const { status, body } = await post(way.url + RECOMMEND, wish({ timeout_ms: 5 }))
  assert.deepEqual([status, body.code], [504, 'DEADLINE_EXCEEDED'])
  way.open()
})

test('what the ranker takes after its deadline is spent: 504 for every repetition, never learned', async t => {
  const world = await openWorld(t)
  const way = await behind(t, world, 'append')
  const mine = wish({ timeout_ms: 100 })
  way.shut()
  const { status, body, headers } = await post(way.url + RECOMMEND, mine)
  assert.deepEqual([status, body.code, headers.get('retry-after')], [503, 'LOG_UNAVAILABLE', '1'], 'not acknowledged')
  way.open()
  await until(async () => (await world.decisions()).length === 1, 'the decision')
  assert.equal((await world.decisions())[0].reason, 'expired')
  const again = await post(way.url + RECOMMEND, { ...mine, timeout_ms: 5000 })
  assert.deepEqual([again.status, again.body.code], [504, 'DEADLINE_EXCEEDED'])
  assert.match(again.body.detail, /new request_id/)
  assert.deepEqual(await activations(world.context, mine.request_id), [])
})

test('a deadline that is over is told before anything is appended', async t => {
  const world = await openWorld(t)
  const { status } = await world.post(RECOMMEND, wish({ deadline_ms: Date.now() - 1 }))
  assert.equal(status, 504)
  assert.deepEqual(await recordsOf<Request>(world.context, 'requests'), [])
})

test('while the log is silent calls are refused at once, and let in when it answers', async t => {
  const world = await openWorld(t)
  assert.match(await counted(world, 'feedloop_gateway_shed_total'), /reason="log"\} 0/, 'what rates begin at')
  const way = await behind(t, world, 'append')
  way.shut()
  // One user: one partition.
  const mine = () => wish({ user_id: 'ann', timeout_ms: SILENT_MS + 300 })
  assert.equal((await post(way.url + RECOMMEND, mine())).status, 503)
  const began = performance.now()
  const refused = await post(way.url + RECOMMEND, { ...mine(), timeout_ms: 9000 })
  assert.deepEqual([refused.status, refused.body.code], [503, 'LOG_UNAVAILABLE'])
  assert.ok(performance.now() - began < SILENT_MS, 'at once')
  way.open()
  await until(async () => (await post(way.url + RECOMMEND, mine())).status === 200, 'an answer again')
  assert.match(await counted(world, 'feedloop_gateway_shed_total'), /reason="log"\} [1-9]/)
})

test('where activations cannot be written nobody is given what could not count, and the end gives up what cannot be', async t => {
  const world = await openWorld(t)
  const way = barrier()
  t.after(way.open)
  const events = topicName(world.context.config.topics.prefix, 'events')
  const fault = (call: string, at: string) => (call === 'append' && at === events ? way.passed() : undefined)
  const gateway = await world.another(context => ({ ...context, log: troubled(context.log, fault) }))
  const ask = () => post(urlOf(gateway) + RECOMMEND, wish({ user_id: 'ann' }))
  way.shut()
  assert.equal((await ask()).status, 200)
  await sleep(SILENT_MS + 50)
  const { status, body } = await ask()
  assert.deepEqual([status, body.code], [503, 'LOG_UNAVAILABLE'])
  assert.equal((await world.decisions()).length, 1)
  const own = await post(urlOf(gateway) + RECOMMEND, wish({ user_id: 'ann', deferred: true }))
  assert.equal(own.status, 200, 'who activates by itself')
  const stopped = gateway.stop().then(() => true)
  assert.equal(await Promise.race([stopped, sleep(15_000, false, { ref: false })]), true)
})

test('by configuration the baseline is given back while the log is away: marked, counted, never learned', async t => {
  const world = await openWorld(t, {
    gateway: { unlogged: 'baseline' },
    policies: [{ constraints: { banned: ['d'] } }],
  })
  const way = await behind(t, world, 'append')
  way.shut()
  const { status, body } = await post(
    way.url + RECOMMEND,
    wish({ baseline: ['d', 'c', 'b', 'a'], excluded: ['b'], slots: 2, timeout_ms: 100 }),
  )
  assert.deepEqual([status, body], [200, { logged: false, items: ['c', 'a'], reason: 'log_unavailable' }])
  assert.equal((await post(way.url + RECOMMEND, wish({ timeout_ms: 100 }))).status, 503, 'without a baseline')
  assert.match(await counted(world, 'feedloop_gateway_answers_total'), /kind="unlogged"\} 1/)
  way.open()
  await until(async () => (await world.decisions()).length === 2, 'what was in doubt is decided')
  await world.settled()
  assert.deepEqual(await transitionsOf(world), [])
})

test('beyond gateway.maxWaiting calls are refused, until one is answered', async t => {
  const world = await openWorld(t, { gateway: { maxWaiting: 2 } })
  const way = await behind(t, world, 'read')
  way.shut()
  const waiting = [wish(), wish()].map(each => post(way.url + RECOMMEND, each))
  await until(async () => (await world.decisions()).length === 2, 'both are in')
  const { status, body, headers } = await post(way.url + RECOMMEND, wish())
  assert.deepEqual([status, body.code, headers.get('retry-after')], [503, 'GATEWAY_FULL', '1'])
  assert.match(await counted(world, 'feedloop_gateway_shed_total'), /reason="full"\} 1/)
  way.open()
  for (const answer of waiting) assert.equal((await answer).status, 200)
  assert.equal((await post(way.url + RECOMMEND, wish())).status, 200)
})

test('thousands wait at once and are answered together, with one reader', async t => {
  const world = await openWorld(t, { gateway: { maxTimeoutMs: 15_000 } })
  const way = await behind(t, world, 'read')
  way.shut()
  const wishes = Array.from({ length: 2000 }, (_, n) => wish({ user_id: `u${n % 97}`, slots: 1, timeout_ms: 15_000 }))
  const answers = Promise.all(wishes.map(each => post(way.url + RECOMMEND, each)))
  await until(async () => (await counted(world, 'feedloop_gateway_waiting')).includes(' 2000'), 'all wait')
  way.open()
  for (const [index, { status, body }] of (await answers).entries())
    assert.deepEqual([status, body.decision_id], [200, wishes[index].request_id])
})

test('until the decisions are read to their end nobody is let in', async t => {
  const world = await openWorld(t)
  await world.post(RECOMMEND, wish())
  const way = barrier()
  way.shut()
  const topic = topicName(world.context.config.topics.prefix, 'recommendations')
  const fault = (_: string, at: string) => (at === topic ? way.passed() : undefined)
  const gateway = await runGateway({ ...world.context, log: troubled(world.context.log, fault) })
  t.after(() => gateway.stop())
  assert.equal(gateway.waitingFor(), 'recommendations')
  const early = await post(urlOf(gateway) + RECOMMEND, wish())
  assert.deepEqual([early.status, early.body.code, early.headers.get('retry-after')], [503, 'GATEWAY_NOT_READY', '1'])
  way.open()
  await until(() => gateway.waitingFor() === '', 'ready')
  assert.equal((await post(urlOf(gateway) + RECOMMEND, wish())).status, 200)
})

test('a gateway that starts in a quiet log answers its first call', async t => {
  const world = await openWorld(t, { limits: { requestDedupMs: 1 }, step: { progressMs: 60_000 } })
  for (let n = 0; n < 100; n++) await world.post(RECOMMEND, wish({ user_id: `u${n}` }))
  await sleep(50)
  const url = urlOf(await world.another()) + RECOMMEND
  for (const user_id of ['u0', 'u1', 'u2', 'u3', 'u4']) assert.equal((await post(url, wish({ user_id }))).status, 200)
})

test('gateway.defer off: a decision counts as soon as it is made; a caller may activate by itself', async t => {
  const world = await openWorld(t, { gateway: { defer: false } })
  const mine = wish()
  const own = wish({ user_id: 'bob', deferred: true })
  for (const each of [mine, own]) assert.equal((await world.post(RECOMMEND, each)).status, 200)
  const deferred = (await world.decisions()).map(decision => [decision.decision_id, decision.deferred])
  assert.deepEqual(
    new Map(deferred as [string, boolean][]),
    new Map([
      [mine.request_id, false],
      [own.request_id, true],
    ]),
  )
  const activate = did('bob', 'activate', { decision_id: own.request_id })
  assert.equal((await world.post('/v1/events', { events: [activate] })).status, 200)
  await until(async () => new Set((await transitionsOf(world)).map(each => each.user_id)).size === 2, 'both learned')
  assert.equal((await activations(world.context, mine.request_id)).length, 0)
})

test('nothing to choose from: an answer with a reason', async t => {
  const world = await openWorld(t)
  const { status, body } = await world.post(RECOMMEND, wish({ candidates: ['no such item'] }))
  assert.deepEqual([status, body.items, body.reason], [200, [], 'no_candidate_left'])
})
