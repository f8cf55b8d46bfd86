import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createClient, FeedloopProblem } from '../../src/gateway/client.ts'
import { transitionsOf } from './contract.ts'
import { runExample, runForNothing } from './examples.ts'
import { openWorld } from './world.ts'

test('the TypeScript example', t => runExample(t, process.execPath, 'recommend.ts'))

test('the TypeScript example where nothing listens', () => runForNothing(process.execPath, 'recommend.ts'))

test('asks again with the same id after a broken connection and after 503, and is decided once', async t => {
  const world = await openWorld(t)
  const bodies: string[] = []
  const client = createClient({
    url: `${world.url}/`,
    timeoutMs: 10_000,
    async fetch(url, init) {
      bodies.push(init!.body as string)
      if (bodies.length === 1)
        return new Response(JSON.stringify({ code: 'GATEWAY_FULL', status: 503, detail: '' }), { status: 503 })
      const answer = await fetch(url, init)
      if (bodies.length > 2) return answer
      await answer.body?.cancel()
      throw new TypeError('connection lost')
    },
  })
  const slate = await client.recommend({ user_id: 'ann', slots: 3 })
  assert.equal(slate.logged && slate.slots.length, 3)
  assert.equal(bodies.length, 3)
  const [first, second, third] = bodies.map(body => JSON.parse(body))
  assert.deepEqual([first.request_id, second.request_id], [third.request_id, third.request_id])
  assert.ok(first.timeout_ms > third.timeout_ms)
  assert.equal((await world.decisions()).length, 1)
})

test('a slate that was asked for with `deferred` counts once it is said to be shown', async t => {
  const world = await openWorld(t)
  const client = createClient({ url: world.url, timeoutMs: 10_000 })
  const slate = await client.recommend({ user_id: 'ann', deferred: true })
  await world.settled()
  assert.deepEqual(await transitionsOf(world), [])
  assert.ok(slate.logged)
  await client.shown(slate)
  await world.settled()
  assert.deepEqual(
    (await transitionsOf(world)).map(({ decision_id }) => decision_id),
    [slate.decision_id],
  )
})

const isProblem = (code: string, status: number) => (error: unknown) =>
  error instanceof FeedloopProblem && error.code === code && error.status === status

test('what cannot pass is told at once, with its code', async t => {
  const { url } = await openWorld(t)
  const client = createClient({ url })
  await assert.rejects(client.recommend({ user_id: '' }), isProblem('RECORD_INVALID', 400))
  const request = { request_id: 'one', user_id: 'ann' }
  await client.recommend(request)
  await assert.rejects(client.recommend({ ...request, slots: 2 }), isProblem('RECORD_CONTRADICTS', 409))
  await assert.rejects(client.tell([{ user_id: 'ann', type: '$own' }]), isProblem('RECORD_INVALID', 400))
})

test('a gateway that never answers costs the time of a call, no more', async t => {
  let calls = 0
  const server = createServer(() => calls++).listen(0, '127.0.0.1')
  t.after(() => server.close().closeAllConnections())
  await new Promise(resolve => server.once('listening', resolve))
  const client = createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, timeoutMs: 300 })
  const began = performance.now()
  await assert.rejects(client.recommend({ user_id: 'ann' }), isProblem('UNREACHABLE', 0))
  assert.ok(performance.now() - began < 2000)
  assert.equal(calls, 1)
})
