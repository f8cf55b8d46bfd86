/** The contract on a real Kafka; without one this fails and says what is missing. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import pino from 'pino'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import { type Bus, findBus } from '../../src/log/open.ts'
import { applyTopics, checkTopics, topicSpecs } from '../../src/log/topics.ts'
import { createMeter } from '../../src/metrics.ts'
import { contract } from './contract.ts'

const logger = pino({ level: 'warn' })
let bus: Bus
before(async () => {
  bus = await findBus({ kind: 'kafka', logger })
})
after(async () => {
  await bus?.stop()
})

contract('Kafka', async () => ({ log: bus.log, stop: async () => {} }))

describe('Kafka itself', () => {
  const prefix = `k${randomBytes(5).toString('hex')}.`

  test('takes the topics of the pipeline as they are, and reports every difference', async () => {
    const log = await openKafkaLog({ brokers: bus.brokers!, clientId: 'test', logger })
    const settings = { prefix, partitions: 2, policies: 1, replicationFactor: 1, minInsyncReplicas: 1 }
    await applyTopics(log, topicSpecs(settings))
    await applyTopics(log, topicSpecs(settings))
    assert.deepEqual(await checkTopics(log, topicSpecs(settings)), [])
    const differences = await checkTopics(log, topicSpecs({ ...settings, partitions: 3, retentionHours: 1e4 }))
    assert.ok(differences.includes(`${prefix}events: partition count is 2, should be 3`))
    assert.ok(differences.includes(`${prefix}events: retention.ms is 604800000, should be at least 36000000000`))
    await log.close()
  })

  test('tells the meter of requests, answers and bytes, by api', async () => {
    const meter = createMeter()
    const log = await openKafkaLog({ brokers: bus.brokers!, clientId: 'metered', logger, meter })
    const topic = `${prefix}metered`
    await log.createTopics([{ topic, partitions: 1, replicationFactor: 1, config: {} }])
    await log.append(topic, 0, [{ key: null, value: Buffer.alloc(1000) }])
    const [record] = await log.read(topic, 0, 0)
    await log.close()
    assert.equal(record?.value?.length, 1000)
    const text = await meter.registry.metrics()
    for (const api of ['Produce', 'Fetch', 'Metadata'])
      assert.match(text, new RegExp(`^feedloop_kafka_request_seconds_count\\{api="${api}"\\} [1-9]`, 'm'))
    const [, bytes] = /^feedloop_kafka_received_bytes_total\{api="Fetch"\} (\d+)$/m.exec(text)!
    assert.ok(Number(bytes) > 1000, bytes)
  })

  test('sends at once what is written, also as a member of a group', async t => {
    const opened = t.mock.method(Socket.prototype, 'connect')
    const atOnce = t.mock.method(Socket.prototype, 'setNoDelay')
    const log = await openKafkaLog({ brokers: bus.brokers!, clientId: 'at-once', logger })
    const topic = `${prefix}at-once`
    await log.createTopics([{ topic, partitions: 1, replicationFactor: 1, config: {} }])
    await log.append(topic, 0, [{ key: null, value: Buffer.alloc(1000) }])
    await log.read(topic, 0, 0)
    const before = opened.mock.callCount()
    const member = await log.join(`${prefix}at-once`, [topic], { assigned: async () => {}, failed: () => {} })
    await member.leave()
    await log.close()
    assert.ok(before >= 2 && opened.mock.callCount() > before, 'a connection each for calls, fetches and the group')
    const told = atOnce.mock.calls.filter(({ arguments: [on] }) => on === true).map(call => call.this)
    for (const { this: socket } of opened.mock.calls) assert.ok(told.includes(socket))
  })

  test('says which cluster it is, whoever asks', async () => {
    const log = await openKafkaLog({ brokers: bus.brokers!, clientId: 'other', logger })
    assert.match(log.identity, /^[\w-]{22}$/)
    assert.equal(log.identity, bus.log.identity)
    await log.close()
  })
})
