/** What the door takes for delivered, and whom its end waits for. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import { parseConfig } from '../../src/config.ts'
import type { Given } from '../../src/gateway/ask.ts'
import { openDoor } from '../../src/gateway/http.ts'
import type { Decision } from '../../src/gateway/step.ts'
import { createMeter } from '../../src/metrics.ts'
import { did } from '../operate/live.ts'
import { post, until, wish } from './world.ts'

const decision = { decision_id: 'd', user_id: 'ann' } as Decision
const given: Given = {
  answer: { logged: false, items: ['x'.repeat(100)], reason: 'log_unavailable' },
  kind: 'fresh',
  toActivate: decision,
}

/** A door whose calls are answered when the test says so. */
async function openOne(maxTimeoutMs = 10_000) {
  const asked: PromiseWithResolvers<Given>[] = []
  const delivered: Decision[] = []
  const faults: unknown[] = []
  const meter = createMeter()
  const door = await openDoor({
    config: parseConfig({ gateway: { host: '127.0.0.1', port: 0, timeoutMs: 100, maxTimeoutMs } }),
    meter,
    now: Date.now,
    logger: { info: () => {}, error: (fault: unknown) => faults.push(fault) } as unknown as Logger,
  })
  door.lead({
    ask: () => {
      const answer = Promise.withResolvers<Given>()
      asked.push(answer)
      return answer.promise
    },
    tell: async () => {},
    publish: async () => {},
    withdraw: async () => {},
    look: () => assert.fail('nobody asked'),
    delivered: each => delivered.push(each),
    waitingFor: () => '',
  })
  const counted = (name: string) => meter.registry.getSingleMetricAsString(name)
  return { door, asked, delivered, faults, counted }
}

function dial(t: TestContext, port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  t.after(() => socket.destroy())
  return socket
}

const body = JSON.stringify({ request_id: 'd', user_id: 'ann' })
const head = (length: number): string =>
  `POST /v1/recommendations HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`

test('an answer to a socket that was reset a moment ago was not delivered', async t => {
  const { door, asked, delivered } = await openOne()
  t.after(() => door.close())
  const caller = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads')
     const socket = require('node:net').connect(workerData.port, '127.0.0.1').on('error', () => {})
     socket.write(workerData.call)
     parentPort.on('message', () => socket.resetAndDestroy())`,
    { eval: true, workerData: { port: door.port, call: head(body.length) + body } },
  )
  t.after(() => caller.terminate())
  await until(() => asked.length === 1, 'the call is in')
  caller.postMessage('reset')
  // The door has no turn to hear of it before it answers.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
  asked[0]!.resolve(given)
  await sleep(200)
  assert.deepEqual(delivered, [])
})

test('who leaves within a body is no fault of ours', async t => {
  const { door, faults, counted } = await openOne()
  t.after(() => door.close())
  const caller = dial(t, door.port)
  caller.write(`${head(body.length)}{`)
  await until(async () => (await counted('feedloop_gateway_waiting')).endsWith(' 1'), 'the call is in')
  caller.destroy()
  await until(async () => (await counted('feedloop_gateway_requests_total')).includes('code="499"'), '499')
  assert.deepEqual(faults, [])
})

test('a crowd that comes while the door is busy is connected, not reset', async t => {
  const { door } = await openOne()
  t.after(() => door.close())
  const crowd = new Worker(
    `const { workerData } = require('node:worker_threads')
     const count = new Int32Array(workerData.shared)
     for (let n = 0; n < workerData.crowd; n++)
       require('node:net').connect(workerData.port, '127.0.0.1').on('error', () => {}).on('connect', () => Atomics.add(count, 0, 1))`,
    { eval: true, workerData: { port: door.port, crowd: CROWD, shared: connected.buffer } },
  )
  t.after(() => crowd.terminate())
  await once(crowd, 'online')
  // The door has no turn to accept any: the kernel holds them.
  for (const end = Date.now() + 5000; Atomics.load(connected, 0) < CROWD && Date.now() < end; )
    Atomics.wait(connected, 1, 0, 10)
  assert.equal(Atomics.load(connected, 0), CROWD)
})
/** More than Node lets wait, less than Linux does (net.core.somaxconn). */
const CROWD = 2000
const connected = new Int32Array(new SharedArrayBuffer(8))

test('who never sends the rest of a body does not hold the end up', async t => {
  const { door, counted } = await openOne(100)
  const caller = dial(t, door.port)
  caller.write(`${head(body.length)}{`)
  await until(async () => (await counted('feedloop_gateway_waiting')).endsWith(' 1'), 'the call is in')
  const ended = await Promise.race([door.close().then(() => true), sleep(5000, false, { ref: false })])
  assert.equal(ended, true)
})

test('nor does a connection that comes while the door closes', async t => {
  for (let n = 0; n < 30; n++) {
    const { door } = await openOne()
    const socket = dial(t, door.port)
    if (n % 3 === 1) await new Promise(resolve => setImmediate(resolve))
    if (n % 3 === 2) await once(socket, 'connect')
    const ended = await Promise.race([door.close().then(() => true), sleep(5000, false, { ref: false })])
    assert.equal(ended, true, String(n))
    socket.destroy()
  }
})

test('where there is no log yet the baseline is given back by configuration, of what is sound; all else is refused', async t => {
  const gateway = { host: '127.0.0.1', port: 0, unlogged: 'baseline' } as const
  const logger = { info: () => {} } as unknown as Logger
  const door = await openDoor({ config: parseConfig({ gateway }), meter: createMeter(), logger, now: Date.now })
  t.after(() => door.close())
  const ask = async (fields: object, path = 'recommendations') => {
    const reply = await post(`http://127.0.0.1:${door.port}/v1/${path}`, fields)
    return [reply.status, reply.body.code ?? reply.body, reply.headers.get('retry-after')]
  }
  const answer = { logged: false, items: ['c', 'a'], reason: 'log_unavailable' }
  assert.deepEqual(await ask(wish({ baseline: ['c', 'a'] })), [200, answer, null])
  assert.deepEqual(await ask(wish()), [503, 'GATEWAY_NOT_READY', '1'])
  assert.deepEqual(await ask(wish({ baseline: ['c', 'a'], policy: 'none' })), [400, 'RECORD_INVALID', null])
  assert.deepEqual(await ask({ events: [did('ann', 'click')] }, 'events'), [503, 'GATEWAY_NOT_READY', '1'])
})
