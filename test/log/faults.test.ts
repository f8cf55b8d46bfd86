/** The Kafka log when the line to its broker fails: what passes unseen, what is told, and what is never guessed. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Admin, Kafka } from 'kafkajs'
import pino from 'pino'
import { FeedloopError, isCode } from '../../src/errors.ts'
import { type RunningBroker, startLocalBroker } from '../../src/log/kafka/broker/local.ts'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import { apiKeys, createSocketFactory, kafkajs, logCreator } from '../../src/log/kafka/kafkajs.ts'
import { createNode } from '../../src/log/kafka/node.ts'
import { persist } from '../../src/log/kafka/retry.ts'
import type { Log, Membership } from '../../src/log/log.ts'
import { type Line, startLine } from './line.ts'

const logger = pino({ level: 'silent' })
const records = (...values: string[]) => values.map(value => ({ key: null, value: Buffer.from(value) }))
const OUTAGE_MS = 700
/** A broker lets nobody into an empty group before. */
const REGATHER_MS = 1000
/** Longer than from one try of a member to the next. */
const LEFT_MS = 3000
/** So long that kafkajs gives its member up and starts it anew. */
const ANEW_MS = 14_000

interface Leaving {
  readonly member: Membership
  readonly memberId: string
  /** kafkajs has given its member up, and lets go of its connections. */
  readonly crash: Promise<void>
}

describe('the Kafka log on a line that fails', () => {
  let broker: RunningBroker
  let line: Line
  let log: Log
  let kafka: Kafka
  let admin: Admin
  let made = 0

  before(async () => {
    let port = 0
    line = await startLine(() => port)
    const properties = {
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${line.port}`,
      'group.initial.rebalance.delay.ms': String(REGATHER_MS),
    }
    broker = await startLocalBroker({ logger, properties })
    port = Number(broker.brokers[0].split(':')[1])
    log = await openKafkaLog({ brokers: [`127.0.0.1:${line.port}`], clientId: 'faults', logger })
    kafka = new kafkajs.Kafka({ brokers: [`127.0.0.1:${line.port}`], logCreator: logCreator(logger) })
    admin = kafka.admin()
    await admin.connect()
  })
  after(async () => {
    await line.set('open')
    await admin.disconnect()
    await log.close()
    await line.close()
    await broker.stop()
  })

  const topic = async () => {
    const name = `t${++made}`
    await log.createTopics([{ topic: name, partitions: 1, replicationFactor: 1, config: {} }])
    return name
  }
  const members = async (group: string) => (await admin.describeGroups([group])).groups[0].members
  /** As a broker does to whom it has not heard of for long. */
  const expel = async (groupId: string, memberId: string) => {
    const address = { host: '127.0.0.1', port: line.port }
    const limits = { connectionTimeout: 1000, requestTimeout: 5000, enforceRequestTimeout: true }
    const settings = { clientId: 'expel', logger: kafka.logger(), socketFactory: createSocketFactory(), ...limits }
    const node = createNode(settings, address)
    await node.ask('LeaveGroup', { groupId, memberId })
    await node.close()
  }
  const outage = async () => {
    await line.set('closed')
    await pause(OUTAGE_MS)
    await line.set('open')
  }

  test('an append whose answer is lost is uncertain, though it is stored; and it is stored once', async () => {
    const name = await topic()
    await log.append(name, 0, records('a'))
    await line.set('deaf')
    const lost = [log.append(name, 0, records('b')), log.append(name, 0, records('c'))]
    await pause(200)
    await line.set('closed')
    for (const append of lost) await assert.rejects(append, error => isCode(error, 'APPEND_UNCERTAIN'))
    await line.set('open')
    assert.equal(await log.append(name, 0, records('d')), 3)
    const read = await log.read(name, 0, 0, { waitMs: 5000 })
    assert.deepEqual(
      read.map(({ value }) => String(value)),
      ['a', 'b', 'c', 'd'],
    )
  })

  test('an append that could not be sent waits for the line', async () => {
    const name = await topic()
    await line.set('closed')
    const over = pause(OUTAGE_MS).then(() => line.set('open'))
    await pause(50) // the client has seen the end of its connection
    assert.equal(await log.append(name, 0, records('a')), 0)
    await over
  })

  test('a read that waits passes an outage unseen, and gets what was appended after it', async () => {
    const name = await topic()
    const reading = log.read(name, 0, 0, { waitMs: 10_000 })
    await pause(50)
    await outage()
    await log.append(name, 0, records('a'))
    assert.equal(String((await reading)[0].value), 'a')
  })

  test('no empty answer without the word of the broker', async () => {
    const name = await topic()
    await log.append(name, 0, records('a'))
    await line.set('closed')
    const over = pause(OUTAGE_MS).then(() => line.set('open'))
    assert.equal((await log.read(name, 0, 0)).length, 1)
    await over
  })

  test('ends, times and counts pass an outage unseen', async () => {
    const name = await topic()
    await line.set('closed')
    const over = pause(OUTAGE_MS).then(() => line.set('open'))
    assert.deepEqual(await log.ends(name, 0), { earliest: 0, latest: 0 })
    assert.equal(await log.offsetForTime(name, 0, 5), 0)
    assert.equal(await log.partitionCount(name), 1)
    await over
  })

  test('an aborted read answers at once during an outage', async () => {
    const name = await topic()
    await line.set('closed')
    const controller = new AbortController()
    const reading = log.read(name, 0, 0, { waitMs: 10_000, signal: controller.signal })
    await pause(100)
    controller.abort()
    const from = performance.now()
    assert.deepEqual(await reading, [])
    assert.ok(performance.now() - from < 200)
    await line.set('open')
  })

  test('a member keeps its partitions over an outage, and goes on committing', async () => {
    const name = await topic()
    const told: (readonly number[])[] = []
    const failures: Error[] = []
    const member = await log.join('g', [name], {
      assigned: async partitions => void told.push(partitions),
      failed: error => void failures.push(error),
    })
    const position = { topic: name, partition: 0, offset: 1, metadata: 'm' }
    await member.commit([position])
    await outage()
    const giveUpAt = performance.now() + 15_000
    const next = { ...position, offset: 2 }
    for (;;) {
      await member.commit([next]).catch(() => {})
      if ((await log.committed('g', name))[0].offset === 2) break
      assert.ok(performance.now() < giveUpAt, 'no commit within 15 s of the outage')
      await pause(100)
    }
    assert.deepEqual(failures, [])
    assert.deepEqual(told, [[0]])
    await member.leave()
  })

  for (const api of ['GroupCoordinator', 'JoinGroup', 'SyncGroup'])
    test(`a member whom the broker has forgotten joins again, also where the answer to its ${api} is lost`, async () => {
      const name = await topic()
      const group = `lost-${api}`
      const failures: Error[] = []
      const member = await log.join(group, [name], {
        assigned: async () => {},
        failed: error => void failures.push(error),
      })
      try {
        const [{ memberId }] = await members(group)
        const lost = line.loseAnswer(apiKeys[api])
        await expel(group, memberId)
        await lost
        const giveUpAt = performance.now() + 60_000
        const position = { topic: name, partition: 0, offset: 2, metadata: 'm' }
        for (;;) {
          await member.commit([position]).catch(() => {})
          if ((await log.committed(group, name))[0]?.offset === 2) break
          assert.ok(performance.now() < giveUpAt, 'no commit within a minute')
          await pause(100)
        }
        assert.deepEqual(failures, [])
      } finally {
        await member.leave()
      }
    })

  describe('a member that leaves is not in the group afterwards', () => {
    const leaves = async (group: string, leave: (left: Leaving) => Promise<void>) => {
      const name = await topic()
      const crash = Promise.withResolvers<void>()
      const watching = pino({ level: 'debug' }, { write: (text: string) => text.includes('Crash:') && crash.resolve() })
      const other = await openKafkaLog({ brokers: [`127.0.0.1:${line.port}`], clientId: group, logger: watching })
      const member = await other.join(group, [name], { assigned: async () => {}, failed: error => assert.fail(error) })
      try {
        await leave({ member, memberId: (await members(group))[0].memberId, crash: crash.promise })
        const giveUpAt = performance.now() + 30_000
        // whose connection was cut stays for a session
        while ((await members(group)).length > 0) {
          assert.ok(performance.now() < giveUpAt, 'still a member after 30 s')
          await pause(500)
        }
        await pause(LEFT_MS)
        assert.deepEqual(await members(group), [])
      } finally {
        await line.set('open')
        await other.close()
      }
    }
    test('where it leaves while it joins', () =>
      leaves('leaves-joining', async ({ member, memberId }) => {
        const lost = line.loseAnswer(apiKeys.GroupCoordinator)
        await expel('leaves-joining', memberId)
        await lost
        await line.request(apiKeys.JoinGroup)
        await member.leave()
      }))
    test('where it leaves while kafkajs is about to start it anew', () =>
      leaves('leaves-crashing', async ({ member, crash }) => {
        await line.set('closed')
        await crash
        await member.leave()
        await line.set('open')
      }))
  })

  test('what a member says is committed is, also where it starts anew meanwhile', async () => {
    const name = await topic()
    const member = await log.join('anew', [name], {
      assigned: async () => {},
      failed: error => assert.fail(error),
    })
    try {
      await line.set('closed')
      const from = performance.now()
      const over = pause(ANEW_MS).then(() => line.set('open'))
      const giveUpAt = performance.now() + 60_000
      for (let offset = 1; ; offset++) {
        const position = { topic: name, partition: 0, offset, metadata: 'm' }
        const said = await member.commit([position]).then(
          () => true,
          () => pause(20, false),
        )
        if (said) {
          assert.equal((await log.committed('anew', name))[0]?.offset, offset)
          if (performance.now() > from + ANEW_MS) break
        }
        assert.ok(performance.now() < giveUpAt, 'no commit within a minute')
      }
      await over
    } finally {
      await line.set('open')
      await member.leave()
    }
  })
})

describe('patience', () => {
  const never = new AbortController().signal
  const unavailable = async () => {
    throw new FeedloopError('LOG_UNAVAILABLE', 'down')
  }

  test('ends with the error after its time, and at once with a signal', async () => {
    const from = performance.now()
    await assert.rejects(persist(unavailable, never, 100), error => isCode(error, 'LOG_UNAVAILABLE'))
    assert.ok(performance.now() - from >= 100)
    await assert.rejects(persist(unavailable, AbortSignal.abort(), 10_000), error => isCode(error, 'LOG_UNAVAILABLE'))
  })

  test('only LOG_UNAVAILABLE is tried again', async () => {
    let calls = 0
    const answer = await persist(async () => (++calls < 3 ? unavailable() : 'ok'), never)
    assert.equal(answer, 'ok')
    const wrong = async () => {
      calls++
      throw new FeedloopError('TOPIC_UNKNOWN', 't')
    }
    await assert.rejects(persist(wrong, never), error => isCode(error, 'TOPIC_UNKNOWN'))
    assert.equal(calls, 4)
  })
})
