/**
 * What every log must do (src/log/log.ts), whatever it is made of. Run by embedded.test.ts and kafka.test.ts; each test
 * makes its own topics under a random prefix, so that several suites can share one broker.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { type ErrorCode, FeedloopError } from '../../src/errors.ts'
import type { GroupHandlers, Log, LogRecord, Membership, NewRecord, TopicSpec } from '../../src/log/log.ts'

const text = (record: NewRecord | LogRecord) => record.value?.toString() ?? null
const record = (value: string, more: Partial<NewRecord> = {}): NewRecord => ({
  key: null,
  value: Buffer.from(value),
  ...more,
})
const records = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => record(`${prefix}-${i}`))
const hasCode = (code: ErrorCode) => (error: unknown) => error instanceof FeedloopError && error.code === code
const prefix = `t${randomBytes(5).toString('hex')}.`
let made = 0

/** A member of a group whose assignments can be awaited. */
interface Observed {
  readonly membership: Membership
  readonly partitions: () => readonly number[]
  /** Resolves when the newest assignment satisfies `check`. */
  until(check: (partitions: readonly number[]) => boolean): Promise<readonly number[]>
}

async function observe(log: Log, group: string, topics: readonly string[]): Promise<Observed> {
  let owned: readonly number[] = []
  let failure: Error | undefined
  const waiting = new Set<() => void>()
  const handlers: GroupHandlers = {
    async assigned(partitions) {
      owned = partitions
      for (const look of waiting) look()
    },
    failed(error) {
      failure = error
      for (const look of waiting) look()
    },
  }
  const membership = await log.join(group, topics, handlers)
  const until = (check: (partitions: readonly number[]) => boolean) =>
    new Promise<readonly number[]>((resolve, reject) => {
      const look = () => {
        if (failure) reject(failure)
        if (!check(owned)) return
        waiting.delete(look)
        resolve(owned)
      }
      waiting.add(look)
      look()
    })
  return { membership, partitions: () => owned, until }
}

/** Reads until `count` records from `offset` on have come. */
async function readCount(log: Log, topic: string, offset: number, count: number): Promise<LogRecord[]> {
  const all: LogRecord[] = []
  while (all.length < count) {
    const next = all.at(-1)?.offset ?? offset - 1
    const some = await log.read(topic, 0, next + 1, { waitMs: 5000 })
    assert.notEqual(some.length, 0, `only ${all.length} of ${count} records came`)
    all.push(...some)
  }
  return all
}

export function contract(name: string, open: () => Promise<{ log: Log; stop(): Promise<void> }>): void {
  describe(`the log contract: ${name}`, () => {
    let log: Log
    let stop: () => Promise<void>
    before(async () => {
      ;({ log, stop } = await open())
    })
    after(async () => {
      await log?.close()
      await stop?.()
    })

    const topic = async (spec: Partial<TopicSpec> = {}): Promise<string> => {
      const full = { topic: `${prefix}${++made}`, partitions: 1, replicationFactor: 1, config: {}, ...spec }
      await log.createTopics([full])
      return full.topic
    }

    test('appends get consecutive offsets, and reads return what was appended', async () => {
      const name = await topic()
      assert.equal(await log.append(name, 0, records('a', 3)), 0)
      assert.equal(await log.append(name, 0, records('b', 2)), 3)
      const read = await readCount(log, name, 0, 5)
      assert.deepEqual(read.map(text), ['a-0', 'a-1', 'a-2', 'b-0', 'b-1'])
      assert.deepEqual(
        read.map(r => r.offset),
        [0, 1, 2, 3, 4],
      )
      assert.ok(read.every(r => r.topic === name && r.partition === 0))
    })

    test('batches of concurrent writers are contiguous, each at its own base offset', async () => {
      const name = await topic()
      const sizes = Array.from({ length: 60 }, (_, i) => 1 + (i % 7))
      const bases = await Promise.all(sizes.map((size, i) => log.append(name, 0, records(`w${i}`, size))))
      const total = sizes.reduce((a, b) => a + b, 0)
      const read = await readCount(log, name, 0, total)
      assert.equal(read.length, total)
      for (const [i, base] of bases.entries())
        for (let j = 0; j < sizes[i]; j++) assert.equal(text(read[base + j]), `w${i}-${j}`)
    })

    test('appends to several partitions and topics at once land where they belong', async () => {
      const names = [await topic({ partitions: 3 }), await topic({ partitions: 3 })]
      const targets = names.flatMap(name => [0, 1, 2].map(partition => ({ name, partition })))
      const bases = await Promise.all(
        targets.map(({ name, partition }) => log.append(name, partition, [record(`${name}/${partition}`)])),
      )
      assert.deepEqual(bases, [0, 0, 0, 0, 0, 0])
      const read = await Promise.all(targets.map(t => log.read(t.name, t.partition, 0, { waitMs: 5000 })))
      assert.deepEqual(
        read.map(some => some.map(text)),
        targets.map(t => [`${t.name}/${t.partition}`]),
      )
    })

    test('a read may begin inside a batch', async () => {
      const name = await topic()
      await log.append(name, 0, records('a', 5))
      const read = await log.read(name, 0, 3, { waitMs: 5000 })
      assert.deepEqual(
        read.map(r => [r.offset, text(r)]),
        [
          [3, 'a-3'],
          [4, 'a-4'],
        ],
      )
    })

    test('key, value, null, empty, headers and timestamps are kept', async () => {
      const name = await topic()
      const sent: NewRecord[] = [
        {
          key: Buffer.from('k'),
          value: Buffer.from([0, 255, 1]),
          headers: { h: Buffer.from('v'), ä: Buffer.from([0]) },
          timestampMs: 1_700_000_000_123,
        },
        { key: null, value: null, timestampMs: 5 },
        {
          key: Buffer.alloc(0),
          value: Buffer.alloc(0),
          headers: { empty: Buffer.alloc(0) },
          timestampMs: 1_600_000_000_000,
        },
      ]
      await log.append(name, 0, sent)
      const read = await readCount(log, name, 0, 3)
      for (const [i, { key, value, headers = {}, timestampMs }] of sent.entries())
        assert.deepEqual(
          { key: read[i].key, value: read[i].value, headers: { ...read[i].headers }, timestampMs: read[i].timestampMs },
          { key, value, headers, timestampMs },
        )
      for (const { headers } of read) assert.ok(Object.values(headers).every(Buffer.isBuffer))
    })

    test('a record without a timestamp gets the time of the log', async () => {
      const name = await topic()
      const from = Date.now()
      await log.append(name, 0, [record('a')])
      const [{ timestampMs }] = await log.read(name, 0, 0, { waitMs: 5000 })
      assert.ok(timestampMs >= from - 1000 && timestampMs <= Date.now() + 1000)
    })

    test('a read at the end is empty after its wait; beyond the end or below the start it is out of range', async () => {
      const name = await topic()
      await log.append(name, 0, records('a', 2))
      assert.deepEqual(await log.read(name, 0, 2), [])
      const from = performance.now()
      assert.deepEqual(await log.read(name, 0, 2, { waitMs: 150 }), [])
      assert.ok(performance.now() - from >= 140)
      await assert.rejects(log.read(name, 0, 3), hasCode('OFFSET_OUT_OF_RANGE'))
      await assert.rejects(log.read(name, 0, -1), hasCode('OFFSET_OUT_OF_RANGE'))
    })

    test('a waiting read wakes up when a record comes, and others do not hold it up', async () => {
      const name = await topic({ partitions: 2 })
      const other = log.read(name, 1, 0, { waitMs: 400 })
      const waiting = log.read(name, 0, 0, { waitMs: 10_000 })
      await log.append(name, 0, [record('now')])
      const from = performance.now()
      assert.deepEqual((await waiting).map(text), ['now'])
      assert.ok(performance.now() - from < 1000, 'the read was held up')
      assert.deepEqual(await other, [])
    })

    test('an aborted read answers at once, and empty', async () => {
      const name = await topic()
      const controller = new AbortController()
      const waiting = log.read(name, 0, 0, { waitMs: 30_000, signal: controller.signal })
      controller.abort()
      const from = performance.now()
      assert.deepEqual(await waiting, [])
      assert.deepEqual(await log.read(name, 0, 0, { waitMs: 30_000, signal: controller.signal }), [])
      assert.ok(performance.now() - from < 1000)
    })

    test('maxBytes bounds a read, but a batch that is larger still comes', async () => {
      const name = await topic()
      for (let i = 0; i < 8; i++) await log.append(name, 0, [record('x'.repeat(20_000))])
      const some = await log.read(name, 0, 0, { maxBytes: 50_000, waitMs: 5000 })
      assert.ok(some.length >= 1 && some.length < 8, `${some.length} records`)
      const one = await log.read(name, 0, some.length, { maxBytes: 10, waitMs: 5000 })
      assert.ok(one.length >= 1)
      assert.equal(one[0].offset, some.length)
    })

    test('large batches of several partitions are all read, whatever maxBytes says', async () => {
      const name = await topic({ partitions: 3 })
      const large = [record('x'.repeat(200_000)), record('y'.repeat(200_000))]
      await Promise.all([0, 1, 2].map(partition => log.append(name, partition, large)))
      const read = await Promise.all([0, 1, 2].map(p => log.read(name, p, 0, { maxBytes: 1000, waitMs: 5000 })))
      assert.deepEqual(
        read.map(some => some.map(r => r.value?.length)),
        [0, 1, 2].map(() => [200_000, 200_000]),
      )
    })

    test('two reads of one partition, at different offsets, both get theirs', async () => {
      const name = await topic()
      for (const value of ['a', 'b', 'c']) await log.append(name, 0, [record(value)])
      const reads = await Promise.all([0, 2, 1, 2].map(offset => log.read(name, 0, offset, { waitMs: 5000 })))
      assert.deepEqual(
        reads.map(some => text(some[0])),
        ['a', 'c', 'b', 'c'],
      )
    })

    test('ends and offsetForTime', async () => {
      const name = await topic()
      assert.deepEqual(await log.ends(name, 0), { earliest: 0, latest: 0 })
      await log.append(name, 0, [record('a', { timestampMs: 1000 }), record('b', { timestampMs: 2000 })])
      await log.append(name, 0, [record('c', { timestampMs: 3000 })])
      assert.deepEqual(await log.ends(name, 0), { earliest: 0, latest: 3 })
      const cases = [
        [0, 0],
        [1000, 0],
        [1001, 1],
        [2000, 1],
        [2500, 2],
        [3000, 2],
        [3001, 3],
      ]
      for (const [timeMs, offset] of cases) assert.equal(await log.offsetForTime(name, 0, timeMs), offset, `${timeMs}`)
    })

    test('a batch over max.message.bytes is refused whole, and the next append is not disturbed', async () => {
      const name = await topic({ config: { 'max.message.bytes': '2000' } })
      const [small, large, after] = await Promise.allSettled([
        log.append(name, 0, [record('small')]),
        log.append(name, 0, [record('a'), record('x'.repeat(3000))]),
        log.append(name, 0, [record('after')]),
      ])
      assert.equal(small.status, 'fulfilled')
      assert.ok(large.status === 'rejected' && hasCode('BATCH_TOO_LARGE')(large.reason), String(large.status))
      assert.equal(after.status, 'fulfilled')
      assert.deepEqual((await readCount(log, name, 0, 2)).map(text), ['small', 'after'])
    })

    test('small appends that together exceed max.message.bytes all succeed', async () => {
      const name = await topic({ config: { 'max.message.bytes': '4000' } })
      const bases = await Promise.all(
        Array.from({ length: 12 }, (_, i) => log.append(name, 0, [record(`${i}`.padEnd(1500, '.'))])),
      )
      assert.deepEqual(
        [...bases].sort((a, b) => a - b),
        Array.from({ length: 12 }, (_, i) => i),
      )
    })

    test('an unknown topic or partition is named', async () => {
      const missing = `${prefix}missing`
      const name = await topic()
      for (const call of [
        () => log.append(missing, 0, [record('a')]),
        () => log.read(missing, 0, 0, { waitMs: 100 }),
        () => log.ends(missing, 0),
        () => log.offsetForTime(missing, 0, 0),
        () => log.partitionCount(missing),
        () => log.append(name, 1, [record('a')]),
        () => log.read(name, 1, 0),
      ])
        await assert.rejects(call(), hasCode('TOPIC_UNKNOWN'))
    })

    test('topics: created once, described with the entries that are asked for', async () => {
      const spec: TopicSpec = {
        topic: `${prefix}${++made}`,
        partitions: 3,
        replicationFactor: 1,
        config: { 'cleanup.policy': 'compact', 'max.message.bytes': '5000' },
      }
      await log.createTopics([spec])
      await log.createTopics([{ ...spec, partitions: 9 }])
      assert.equal(await log.partitionCount(spec.topic), 3)
      const described = await log.describeTopics(
        [spec.topic, `${prefix}missing`],
        ['cleanup.policy', 'max.message.bytes', 'retention.ms'],
      )
      assert.deepEqual(described, [{ ...spec, config: { ...spec.config, 'retention.ms': '604800000' } }])
    })

    test('a group: same partitions of all topics, a second member takes a part and gives it back', async () => {
      const topics = [await topic({ partitions: 4 }), await topic({ partitions: 4 })]
      const group = `${prefix}group${++made}`
      const first = await observe(log, group, topics)
      assert.deepEqual(await first.until(p => p.length === 4), [0, 1, 2, 3])
      const second = await observe(log, group, topics)
      const taken = await second.until(p => p.length === 2)
      const kept = await first.until(p => p.length === 2)
      assert.deepEqual([...kept, ...taken].sort(), [0, 1, 2, 3])
      await second.membership.leave()
      assert.deepEqual(await first.until(p => p.length === 4), [0, 1, 2, 3])
      await first.membership.leave()
    })

    test('more members than partitions: one waits without any, and takes over', async () => {
      const name = await topic()
      const group = `${prefix}group${++made}`
      const first = await observe(log, group, [name])
      await first.until(p => p.length === 1)
      const second = await observe(log, group, [name])
      await first.until(p => p.length === 1)
      assert.deepEqual(second.partitions(), [])
      await first.membership.leave()
      assert.deepEqual(await second.until(p => p.length === 1), [0])
      await second.membership.leave()
    })

    test('a member whose handler fails is told, and its partitions go to another', async () => {
      const name = await topic()
      const group = `${prefix}group${++made}`
      const failed = Promise.withResolvers<Error>()
      await log.join(group, [name], {
        assigned: async () => {
          throw new Error('the disk is full')
        },
        failed: failed.resolve,
      })
      assert.match((await failed.promise).message, /the disk is full/)
      const other = await observe(log, group, [name])
      assert.deepEqual(await other.until(p => p.length === 1), [0])
      await other.membership.leave()
    })

    test('topics of one group must have the same partition count', async () => {
      const topics = [await topic({ partitions: 2 }), await topic({ partitions: 3 })]
      await assert.rejects(observe(log, `${prefix}group${++made}`, topics), hasCode('TOPIC_MISCONFIGURED'))
    })

    test('commits are kept with their metadata, beyond the membership', async () => {
      const topics = [await topic({ partitions: 2 }), await topic({ partitions: 2 })]
      const group = `${prefix}group${++made}`
      assert.deepEqual(await log.committed(group, topics[0]), [])
      const member = await observe(log, group, topics)
      await member.until(p => p.length === 2)
      const positions = [
        { topic: topics[0], partition: 0, offset: 7, metadata: '{"head":"äöü"}' },
        { topic: topics[1], partition: 1, offset: 9, metadata: '' },
      ]
      await member.membership.commit([{ ...positions[0], offset: 3 }])
      await member.membership.commit(positions)
      assert.deepEqual(await log.committed(group, topics[0]), [positions[0]])
      await member.membership.leave()
      assert.deepEqual(await log.committed(group, topics[1]), [positions[1]])
    })
  })
}
