/** What is known of a user, over HTTP: the gateway finds the ranker that holds the partition, and no other answers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Problem, UserAnswer } from '../../src/gateway/answers.ts'
import { createClient } from '../../src/gateway/client.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { createMeter } from '../../src/metrics.ts'
import { forgetUser } from '../../src/operate/forget.ts'
import { type Awaited, openOperatorDoor } from '../../src/operate/http.ts'
import { did, profile } from '../operate/live.ts'
import { openWorld, urlOf, type World, wish } from './world.ts'

/** An operator's door before these services. */
async function doorOf(t: TestContext, { context }: World, services: () => readonly Awaited[]): Promise<string> {
  const http = { ...context.config.http, host: '127.0.0.1', port: 0 }
  const door = await openOperatorDoor(
    { ...context, config: { ...context.config, http }, meter: createMeter() },
    services,
  )
  t.after(() => door.close())
  return `http://127.0.0.1:${door.port}`
}

async function gatewayTo({ another }: World, rankers: readonly string[]): Promise<string> {
  const gateway = await another(context => {
    const { config } = context
    return { ...context, config: { ...config, gateway: { ...config.gateway, rankers: [...rankers] } } }
  })
  return urlOf(gateway)
}

test('history, counts, profile and sessions of a user, found where they are', { timeout: 60_000 }, async t => {
  const world = await openWorld(t)
  const ranker = await doorOf(t, world, world.services)
  const gateway = await gatewayTo(world, [await doorOf(t, world, () => []), ranker])
  const client = createClient({ url: gateway, timeoutMs: 10_000 })

  assert.equal(await client.state('ä/b'), null)
  const unknown = await fetch(`${gateway}/v1/users/nobody/state`)
  assert.deepEqual([unknown.status, ((await unknown.json()) as Problem).code], [404, 'USER_UNKNOWN'])

  await world.append('users', 'ä/b', profile('ä/b'))
  const click = did('ä/b', 'click', { item_id: 'a', value: 3, time_ms: 1000 })
  await world.append('events', 'ä/b', click)
  await world.append('events', 'ä/b', did('ä/b', 'impression', { item_id: 'b' }))
  await world.settled()
  const { body: decision } = await world.post('/v1/recommendations', wish({ user_id: 'ä/b' }))
  await world.settled()
  const { profile: known, ...state } = (await client.state('ä/b'))!
  assert.deepEqual(state, {
    user_id: 'ä/b',
    partition: partitionFor('ä/b', 2),
    history: [{ item_id: 'a', type: 'click', time_ms: 1000, value: 3 }],
    counts: { click: 1, impression: 1, activate: 1 },
    sessions: [
      {
        policy: 'default',
        session_id: decision.session_id,
        last_decision_id: decision.decision_id,
        decisions: 1,
        last_time_ms: state.sessions[0]!.last_time_ms,
      },
    ],
  })
  assert.ok(known!.profile_version > 0 && known!.time_ms > 1000)

  await forgetUser(world.context, 'ä/b', 30_000)
  assert.equal(await client.state('ä/b'), null)
})

test('who does not hold the partition says so, and a gateway that finds nobody asks to come again', {
  timeout: 60_000,
}, async t => {
  const world = await openWorld(t)
  const without = await doorOf(t, world, () => [])
  const own = await fetch(`${without}/v1/users/ann/state`)
  assert.deepEqual([own.status, ((await own.json()) as Problem).code], [421, 'USER_ELSEWHERE'])
  const ranker = await doorOf(t, world, world.services)
  await world.append('events', 'ann', did('ann', 'click', { item_id: 'a' }))
  await world.settled()
  assert.equal((await fetch(`${ranker}/v1/users/ann/state`)).status, 200)
  const [held] = world.services().filter(each => each.describe !== undefined)
  await world.stop()
  assert.throws(() => held!.describe!('ann'), { code: 'USER_ELSEWHERE' })

  const gateway = await gatewayTo(world, [without, 'http://127.0.0.1:2'])
  const reply = await fetch(`${gateway}/v1/users/ann/state`)
  const { code, detail } = (await reply.json()) as Problem
  assert.deepEqual([reply.status, reply.headers.get('retry-after'), code], [503, '1', 'USER_ELSEWHERE'])
  assert.match(detail, /no ranker runs .*127\.0\.0\.1:2: .*ECONNREFUSED/)
})

test('a ranker that is gone without a word costs no time: all are asked at once', { timeout: 60_000 }, async t => {
  const world = await openWorld(t)
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const open = new Set<Socket>()
  silent.on('connection', socket => void open.add(socket))
  t.after(() => {
    for (const socket of open) socket.destroy()
    silent.close()
  })
  const gone = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
  await world.append('events', 'ann', did('ann', 'click', { item_id: 'a' }))
  await world.settled()
  const gateway = await gatewayTo(world, [gone, await doorOf(t, world, world.services)])
  const state = await fetch(`${gateway}/v1/users/ann/state`)
  assert.deepEqual([state.status, ((await state.json()) as UserAnswer).counts], [200, { click: 1 }])
  const unknown = await fetch(`${gateway}/v1/users/nobody/state`)
  assert.deepEqual([unknown.status, ((await unknown.json()) as Problem).code], [404, 'USER_UNKNOWN'])

  const nobody = await gatewayTo(world, [await doorOf(t, world, () => []), gone])
  const late = await fetch(`${nobody}/v1/users/ann/state`)
  const { code, detail } = (await late.json()) as Problem
  assert.deepEqual([late.status, code], [504, 'DEADLINE_EXCEEDED'])
  assert.match(detail, /no ranker runs .*; .*aborted/)
})
