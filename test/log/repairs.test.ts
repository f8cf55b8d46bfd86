/** The four repairs of kafkajs: that they are in place, that they do what the originals did, and that they mend the fault. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, mock, test } from 'node:test'
import { createProduceEncoder } from '../../src/log/kafka/produce.ts'
import { loadRepairedKafkaJs } from '../../src/log/kafka/repairs.ts'

const require = createRequire(import.meta.url)
const kafkajs = loadRepairedKafkaJs()

type Group = (options: object) => Record<number, unknown[]>
const path = 'kafkajs/src/producer/groupMessagesPerPartition'
const group = require(path) as Group
const original = new Function(
  `const module = {}; ${readFileSync(require.resolve(path), 'utf8')}; return module.exports`,
)() as Group

describe('groupMessagesPerPartition', () => {
  const options = (count: number, partitions: number) => ({
    topic: 't',
    partitionMetadata: Array.from({ length: partitions }, (_, partitionId) => ({ partitionId })),
    messages: Array.from({ length: count }, (_, i) => ({ value: i })),
    partitioner: ({ message }: { message: { value: number } }) => (message.value * 7) % partitions,
  })

  test('groups as the original does', () => {
    for (const [count, partitions] of [
      [0, 3],
      [1, 1],
      [50, 3],
      [5, 0],
    ])
      assert.deepEqual(group(options(count, partitions)), original(options(count, partitions)))
  })

  test('the producer of the library uses the repaired one', () => {
    assert.notEqual(group.toString(), original.toString())
    assert.equal(require.cache[require.resolve(path)]!.exports, group)
    assert.ok(require.resolve('kafkajs/src/producer/sendMessages') in require.cache, 'loaded after the repair')
  })

  test('does not copy the array of a partition for every message', () => {
    // A copy by spreading goes through the iterator of the array.
    const countIterations = (work: Group) => {
      const messages = options(100, 1)
      const iterator = Array.prototype[Symbol.iterator]
      let count = 0
      Array.prototype[Symbol.iterator] = function (this: unknown[]) {
        count++
        return iterator.call(this)
      }
      try {
        work(messages)
      } finally {
        Array.prototype[Symbol.iterator] = iterator
      }
      return count
    }
    assert.ok(countIterations(original) >= 99, 'the measure sees the fault')
    assert.ok(countIterations(group) <= 2)
  })
})

describe('the request queue', () => {
  const RequestQueue = require('kafkajs/src/network/requestQueue') as new (
    options: object,
  ) => {
    pending: unknown[]
    throttledUntil: number
    inflight: Map<number, unknown>
    push(request: object): void
    fulfillRequest(response: object): void
    maybeThrottle(ms: number): void
    destroy(): void
  }
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const newQueue = (maxInFlightRequests: number | null) =>
    new RequestQueue({
      maxInFlightRequests,
      requestTimeout: 1000,
      enforceRequestTimeout: false,
      clientId: 'c',
      broker: 'b',
      logger,
    })
  const request = (correlationId: number, sent: number[]) => ({
    entry: { correlationId, apiName: 'Test', apiKey: 0, apiVersion: 0, resolve: () => {}, reject: () => {} },
    expectResponse: true,
    sendRequest: () => sent.push(correlationId),
  })
  const response = (correlationId: number) => ({ correlationId, payload: Buffer.alloc(0), size: 0 })

  test('sets no timer while nothing waits', t => {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
    const timers = mock.method(globalThis, 'setTimeout')
    const sent: number[] = []
    const queue = newQueue(null)
    for (let i = 0; i < 100; i++) {
      queue.push(request(i, sent))
      queue.fulfillRequest(response(i))
    }
    assert.equal(sent.length, 100)
    assert.equal(timers.mock.callCount(), 0)
    timers.mock.restore()
  })

  test('a request beyond the limit goes when a place is free, a throttled one when the time is over', t => {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
    const sent: number[] = []
    const queue = newQueue(1)
    queue.push(request(1, sent))
    queue.push(request(2, sent))
    assert.deepEqual(sent, [1])
    queue.fulfillRequest(response(1))
    assert.deepEqual(sent, [1, 2])
    queue.fulfillRequest(response(2))
    t.mock.timers.tick(100)
    queue.maybeThrottle(50)
    queue.push(request(3, sent))
    assert.deepEqual(sent, [1, 2])
    t.mock.timers.tick(49)
    assert.deepEqual(sent, [1, 2])
    t.mock.timers.tick(20)
    assert.deepEqual(sent, [1, 2, 3])
    queue.destroy()
  })
})

describe('consumer/consumerGroup', () => {
  const ConsumerGroup = require('kafkajs/src/consumer/consumerGroup') as new (
    options: object,
  ) => {
    memberId: string | null
    coordinator: object
    lastRequest: number
    joinAndSync(): Promise<void>
    heartbeat(options: { interval: number }): Promise<void>
  }
  const refusal = new Error('no way')
  const create = () => {
    let sent = 0
    const group = new ConsumerGroup({
      logger: { namespace: () => ({}) },
      topics: [],
      instrumentationEmitter: { emit: () => {} },
      cluster: { findGroupCoordinator: () => Promise.reject(refusal) },
    })
    group.memberId = 'm'
    group.coordinator = { heartbeat: async () => void sent++ }
    return { group, sent: () => sent }
  }

  test('who has failed to join hears at the next heartbeat that it is to, and sends none', async () => {
    const { group, sent } = create()
    await assert.rejects(group.joinAndSync(), refusal)
    await assert.rejects(group.heartbeat({ interval: 0 }), { type: 'REBALANCE_IN_PROGRESS' })
    assert.equal(sent(), 0)
  })

  test('a clock that was set back does not silence it', async () => {
    const { group, sent } = create()
    group.lastRequest = Date.now() + 3_600_000
    await group.heartbeat({ interval: 0 })
    assert.equal(sent(), 1)
  })
})

test('loading again gives the same module', () => {
  assert.equal((require('kafkajs/package.json') as { version: string }).version, '2.2.4')
  assert.equal(loadRepairedKafkaJs(), kafkajs)
})

describe('protocol/request', () => {
  type Create = (sending: object) => Promise<{ readonly buffer: Buffer }>
  const path = 'kafkajs/src/protocol/request'
  const create = require(path) as Create
  const Encoder = require('kafkajs/src/protocol/encoder')
  const original = new Function(
    'require',
    `const module = {}; ${readFileSync(require.resolve(path), 'utf8')}; return module.exports`,
  )(() => Encoder) as Create
  const sending = (encode: () => Promise<unknown>, clientId = 'a cliënt') => ({
    correlationId: 77,
    clientId,
    request: { apiKey: 3, apiVersion: 9, encode },
  })

  test('lays a request out as the original does', async () => {
    for (const length of [0, 1, 511, 70_000]) {
      const encode = async () => new Encoder().writeBytes(Buffer.alloc(length, 5))
      const [repaired, first] = await Promise.all([create(sending(encode)), original(sending(encode))])
      assert.ok(repaired.buffer.equals(first.buffer), `${length} bytes`)
    }
  })

  test('a body with room for the head is sent from where it is', async () => {
    const record = { key: Buffer.from('k'), value: Buffer.alloc(3000, 7), timestampMs: 5 }
    const encoder = createProduceEncoder()
    const body = encoder.encode([{ topic: 't', partition: 3, records: [record, record] }], 1000)
    const copied = Buffer.from(body.buffer)
    const { buffer } = await create(sending(async () => body))
    const asKafkajs = new Encoder()
    asKafkajs.writeBufferInternal(copied)
    const { buffer: first } = await original(sending(async () => asKafkajs))
    assert.ok(buffer.equals(first))
    assert.equal(buffer.buffer, body.buffer.buffer, 'the same memory')
    const long = await create(sending(async () => body, 'x'.repeat(2000)))
    assert.equal(long.buffer.length, 14 + 2000 + copied.length)
  })

  test('a produce request is laid out anew in the same place, and elsewhere once it was abandoned', () => {
    const encoder = createProduceEncoder()
    const batch = (bytes: number) => [
      { topic: 't', partition: 0, records: [{ key: null, value: Buffer.alloc(bytes) }] },
    ]
    const first = encoder.encode(batch(5000), 1).buffer.buffer
    assert.equal(encoder.encode(batch(100), 1).buffer.buffer, first)
    encoder.abandon()
    assert.notEqual(encoder.encode(batch(100), 1).buffer.buffer, first)
  })
})
