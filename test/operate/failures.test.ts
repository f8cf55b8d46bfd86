/** What happens to the other services, and to what they hold, when one fails. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { FeedloopError, isCode } from '../../src/errors.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter } from '../../src/metrics.ts'
import { follow } from '../../src/operate/broadcast.ts'
import type { Running, ServiceContext } from '../../src/operate/context.ts'
import { startServices, stopServices } from '../../src/operate/run.ts'

const prefix = 'o.'

async function contextOn(over: (log: Log) => Partial<Log> = () => ({}), config: ConfigInput = {}) {
  const embedded = openEmbeddedLog()
  await applyTopics(embedded, topicSpecs({ prefix, partitions: 1, policies: 1, replicationFactor: 1 }))
  const log: Log = { ...embedded, ...over(embedded) }
  const context: ServiceContext = {
    config: parseConfig({ topics: { prefix, partitions: 1 }, ...config }),
    log,
    wire: await createWire({ prefix }),
    meter: createMeter(),
    logger: pino({ level: 'silent' }),
    now: Date.now,
  }
  return { context, embedded }
}

const memberships = (joined: Set<string>) => (log: Log) => ({
  join: async (...args: Parameters<Log['join']>) => {
    const membership = await log.join(...args)
    joined.add(args[0])
    return { ...membership, leave: () => membership.leave().finally(() => joined.delete(args[0])) }
  },
})

test('a service whose task failed for good leaves its group, and the others are stopped too', async () => {
  const joined = new Set<string>()
  const { context, embedded } = await contextOn(memberships(joined))
  await embedded.append(`${prefix}transitions`, 0, [{ key: null, value: Buffer.from('of somebody else') }])
  const running = await startServices(context, ['joiner', 'gate'])
  await assert.rejects(running[0].done, error => isCode(error, 'CHAIN_HEADER_INVALID'))
  await stopServices(running)
  assert.deepEqual([...joined], [])
})

test('a service that cannot be stopped does not keep the others from it', async () => {
  const stopped: string[] = []
  const service = (name: string, stop: () => Promise<void>): Running => ({
    name,
    waitingFor: () => '',
    done: new Promise(() => {}),
    stop: () => stop().then(() => void stopped.push(name)),
  })
  const services = [service('a', () => Promise.reject(new Error('stuck'))), service('b', async () => {})]
  await assert.rejects(stopServices(services), /stuck/)
  assert.deepEqual(stopped, ['b'])
})

test('where one service does not start, those that did are stopped', async () => {
  const joined = new Set<string>()
  const { context } = await contextOn(memberships(joined), {
    features: { encoder: 'onnx', onnx: { folder: 'there is none' } },
  })
  await assert.rejects(
    startServices(context, ['features', 'joiner', 'gate']),
    error => isCode(error, 'DEPENDENCY_MISSING') || isCode(error, 'DATA_MISSING'),
  )
  assert.deepEqual([...joined], [])
})

test('following waits for a log that does not answer, without turning in a circle', async () => {
  let away = true
  let calls = 0
  const unlessAway = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      calls++
      await turn()
      if (away) throw new FeedloopError('LOG_UNAVAILABLE', 'away')
      return call(...args)
    }
  }
  const { context } = await contextOn(log => ({
    partitionCount: unlessAway(log.partitionCount),
    ends: unlessAway(log.ends),
    read: unlessAway(log.read),
  }))
  const follower = follow(context, 'features', () => {})
  setImmediate(() => (away = false))
  await follower.caughtUp
  away = true
  calls = 0
  const again = follower.catchUp()
  for (let turns = 0; turns < 200; turns++) await turn()
  assert.ok(calls < 20, `${calls} calls in 200 turns of the event loop`)
  away = false
  await again
  await follower.stop()
})

test('a broadcast topic that lost what was read ends who follows it', async () => {
  const { context, embedded } = await contextOn()
  const records = Array.from({ length: 3 }, () => ({ key: Buffer.from('k'), value: Buffer.from('unreadable') }))
  await embedded.append(`${prefix}features`, 0, records)
  const follower = follow(context, 'features', () => {})
  await follower.caughtUp
  embedded.truncateTail(`${prefix}features`, 0, 0)
  await assert.rejects(follower.failed, error => isCode(error, 'OFFSET_OUT_OF_RANGE'))
  await follower.stop()
})
