import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { pino } from 'pino'
import type { BehaviorEvent } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { FeedloopError, isCode } from '../../src/errors.ts'
import { runIntake } from '../../src/intake/service.ts'
import { parseDeadLetter } from '../../src/log/deadletters.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log, LogRecord } from '../../src/log/log.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter, type Meter } from '../../src/metrics.ts'
import type { Running } from '../../src/operate/context.ts'

type Source = NonNullable<ConfigInput['sources']>[number]

const wire = await createWire({ prefix: 'p.' })
const source: Source = {
  topic: 'shop.clicks',
  to: 'events',
  when: { path: 'type', in: ['click', 'purchase'] },
  fields: {
    event_id: { origin: true },
    user_id: { path: 'user' },
    type: { path: 'type' },
    time_ms: { timestamp: true },
  },
}
const configOf = (sources: Source[]) => parseConfig({ topics: { prefix: 'p.' }, sources, step: { maxBytes: 3000 } })
const TOTAL = 300

let running: Running | undefined
afterEach(async () => {
  await running?.stop()
  running = undefined
})

/** A bus with `TOTAL` source records in 3 partitions: every tenth is broken, every seventh of no interest. */
async function openBus() {
  const log = openEmbeddedLog()
  const spec = (topic: string, partitions: number) => ({ topic, partitions, replicationFactor: 1, config: {} })
  await log.createTopics([
    spec('shop.clicks', 3),
    spec('p.events', 4),
    spec('p.requests', 4),
    spec('p.dead-letters', 1),
  ])
  for (let i = 0; i < TOTAL; i++) {
    const text =
      i % 10 === 0 ? `broken ${i}` : JSON.stringify({ user: `u-${i % 17}`, type: i % 7 === 0 ? 'scroll' : 'click' })
    await log.append('shop.clicks', i % 3, [
      { key: Buffer.from(`k-${i}`), value: Buffer.from(text), timestampMs: 1000 + i },
    ])
  }
  return log
}

const start = async (log: Log, sources: Source[] = [source]) => {
  const meter = createMeter()
  const context = { config: configOf(sources), log, wire, meter, logger: pino({ level: 'silent' }), now: Date.now }
  running = await runIntake(context)
  running.done.catch(() => undefined)
  return meter
}

async function readAll(log: Log, topic: string): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  for (let partition = 0; partition < (await log.partitionCount(topic)); partition++) {
    let { earliest: next } = await log.ends(topic, partition)
    const { latest } = await log.ends(topic, partition)
    while (next < latest) {
      const some = await log.read(topic, partition, next)
      records.push(...some)
      next = some[some.length - 1].offset + 1
    }
  }
  return records
}

/** Source records by result. */
async function counted(meter: Meter) {
  const { values } = await meter.registry.getSingleMetric('feedloop_intake_records_total')!.get()
  const count = (result: string) => values.find(({ labels }) => labels.result === result)?.value ?? 0
  return { mapped: count('mapped'), refused: count('refused'), skipped: count('skipped') }
}

/** Waits until the group has committed all source records. */
async function untilCommitted(log: Log, count = TOTAL): Promise<void> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const positions = await log.committed('p.intake.shop.clicks', 'shop.clicks')
    if (positions.reduce((sum, { offset }) => sum + offset, 0) === count) return
    if (Date.now() > deadline) throw new FeedloopError('DEADLINE_EXCEEDED', JSON.stringify(positions))
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

const indices = Array.from({ length: TOTAL }, (_, i) => i)
const originOf = (i: number) => `shop.clicks/${i % 3}/${Math.floor(i / 3)}`
const wanted = indices.filter(i => i % 10 !== 0 && i % 7 !== 0).map(originOf)
const broken = indices.filter(i => i % 10 === 0).map(originOf)

async function checkAll(log: Log): Promise<void> {
  const events = await readAll(log, 'p.events')
  const ids = new Set<string>()
  for (const { key, value, partition } of events) {
    const event = wire.decode('events', value!) as BehaviorEvent
    ids.add(event.event_id)
    assert.equal(key!.toString(), event.user_id)
    assert.equal(partition, partitionFor(event.user_id, 4))
  }
  assert.deepEqual([...ids].sort(), [...wanted].sort())
  const letters = (await readAll(log, 'p.dead-letters')).map(record => parseDeadLetter(record)!)
  assert.deepEqual([...new Set(letters.map(letter => letter.id))].sort(), [...broken].sort())
  for (const { code, value, key, message } of letters) {
    assert.match(message, /^not JSON/)
    assert.equal(code, 'RECORD_UNREADABLE')
    assert.equal(value!.toString(), `broken ${key!.toString().slice(2)}`)
  }
}

test('every record is mapped, passed over or buried, in the partition of its user, and counted', async () => {
  const log = await openBus()
  const meter = await start(log)
  await untilCommitted(log)
  await checkAll(log)
  const skipped = TOTAL - wanted.length - broken.length
  assert.deepEqual(await counted(meter), { mapped: wanted.length, refused: broken.length, skipped })
})

test('the trace of a source record goes on in what is made of it; one that is not kept, or malformed, does not', async () => {
  const log = openEmbeddedLog()
  for (const topic of ['shop.clicks', 'p.events', 'p.requests', 'p.dead-letters'])
    await log.createTopics([{ topic, partitions: 1, replicationFactor: 1, config: {} }])
  const traced = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const value = Buffer.from(JSON.stringify({ user: 'u', type: 'click' }))
  const sent = [traced, `${traced.slice(0, -1)}0`, 'x'.repeat(10_000), `cc${traced.slice(2)}-${'more'.repeat(1000)}`]
  const headersOf = (text: string) => ({ traceparent: Buffer.from(text), other: Buffer.from('x') })
  for (const text of sent) await log.append('shop.clicks', 0, [{ key: null, value, headers: headersOf(text) }])
  await start(log)
  await untilCommitted(log, sent.length)
  const headers = (await readAll(log, 'p.events')).map(record => ({ ...record.headers }))
  assert.deepEqual(
    headers.map(({ traceparent, ...others }) => [traceparent?.toString(), Object.keys(others)]),
    [traced, undefined, undefined, traced].map(text => [text, []]),
  )
})

test('appends in doubt are repeated; nothing is lost', async () => {
  const log = await openBus()
  let appends = 0
  const flaky: Log = {
    ...log,
    async append(topic, partition, records) {
      // In turn: not stored, stored but not acknowledged, and twice as it should be.
      const turn = appends++ % 4
      const stored = turn === 0 ? undefined : await log.append(topic, partition, records)
      if (turn < 2) throw new FeedloopError('APPEND_UNCERTAIN', 'on purpose')
      return stored!
    },
  }
  await start(flaky)
  await untilCommitted(log)
  await checkAll(log)
})

test('after a terminal error another run carries the uncommitted tail over', async () => {
  const log = await openBus()
  let appends = 0
  const dying: Log = {
    ...log,
    append: (topic, partition, records) =>
      ++appends > 20
        ? Promise.reject(new FeedloopError('TOPIC_UNKNOWN', 'on purpose'))
        : log.append(topic, partition, records),
  }
  await start(dying)
  await assert.rejects(running!.done, error => isCode(error, 'TOPIC_UNKNOWN'))
  await running!.stop()
  await start(log)
  await untilCommitted(log)
  await checkAll(log)
})

test('a source that lost records is read from where it begins', async () => {
  const log = await openBus()
  for (let partition = 0; partition < 3; partition++) log.truncateFront('shop.clicks', partition, 50)
  await start(log)
  await untilCommitted(log)
  assert.equal((await readAll(log, 'p.events')).length, wanted.filter(id => Number(id.split('/')[2]) >= 50).length)
})

test('people whose ids are integers beyond 2^53 stay apart', async () => {
  const log = await openBus()
  const ids = ['9007199254740992', '9007199254740993', '1234567890123456789', '1234567890123456790']
  const visits = ids.map(id => ({ key: null, value: Buffer.from(`{"user":${id},"type":"purchase"}`), timestampMs: 1 }))
  await log.append('shop.clicks', 0, visits)
  await start(log)
  await untilCommitted(log, TOTAL + ids.length)
  const events = (await readAll(log, 'p.events')).map(({ value }) => wire.decode('events', value!) as BehaviorEvent)
  assert.deepEqual(
    events
      .filter(event => event.type === 'purchase')
      .map(event => event.user_id)
      .sort(),
    ids.toSorted(),
  )
})

describe('mappings of one topic', () => {
  const clicks: Source = { ...source, when: { path: 'type', in: ['click'] } }
  const scrolls: Source = { ...source, when: { path: 'type', in: ['scroll'] } }
  const requests: Source = {
    topic: source.topic,
    to: 'requests',
    fields: {
      request_id: { origin: true },
      user_id: { path: 'user' },
      time_ms: { path: 'at' },
    },
  }
  const items: Source = {
    topic: source.topic,
    to: 'items',
    when: clicks.when,
    fields: { item_id: { path: 'user' }, available: { path: 'type' }, time_ms: { timestamp: true } },
  }
  const readable = indices.filter(i => i % 10 !== 0).map(originOf)

  test('to one of ours: each record goes through every mapping', async () => {
    const log = await openBus()
    const meter = await start(log, [clicks, scrolls])
    await untilCommitted(log)
    const events = (await readAll(log, 'p.events')).map(({ value }) => wire.decode('events', value!) as BehaviorEvent)
    assert.deepEqual(events.map(event => event.event_id).sort(), readable.toSorted())
    assert.equal((await readAll(log, 'p.dead-letters')).length, broken.length)
    assert.deepEqual(await counted(meter), { mapped: readable.length, refused: broken.length, skipped: 0 })
  })

  test('what one maps and another refuses is mapped, and one dead letter says what was not', async () => {
    const log = await openBus()
    const meter = await start(log, [clicks, scrolls, requests, items])
    await untilCommitted(log)
    assert.equal((await readAll(log, 'p.events')).length, readable.length)
    const letters = (await readAll(log, 'p.dead-letters')).map(record => parseDeadLetter(record)!)
    assert.deepEqual(letters.map(letter => letter.id).sort(), indices.map(originOf).sort())
    const message = 'FIELD_MISSING: time_ms is absent; FIELD_UNCONVERTIBLE: available: "click" is not true or false'
    assert.equal(
      letters.filter(each => each.message === message && each.code === 'FIELD_MISSING').length,
      wanted.length,
    )
    assert.deepEqual(await counted(meter), { mapped: 0, refused: TOTAL, skipped: 0 })
  })
})

test('when one topic cannot be joined, the others are left', async () => {
  const log = await openBus()
  let members = 0
  const counting: Log = {
    ...log,
    async join(group, topics, ...rest) {
      if (topics.includes('web.more')) throw new FeedloopError('LOG_UNAVAILABLE', 'on purpose')
      const membership = await log.join(group, topics, ...rest)
      members++
      const leave = async () => {
        members--
        await membership.leave()
      }
      return { ...membership, leave }
    },
  }
  await log.createTopics([{ topic: 'web.more', partitions: 1, replicationFactor: 1, config: {} }])
  await assert.rejects(start(counting, [source, { ...source, topic: 'web.more' }]), { code: 'LOG_UNAVAILABLE' })
  assert.equal(members, 0)
})

test('a source that is not there is named as one of yours', async () => {
  await assert.rejects(start(await openBus(), [source, { ...source, topic: 'nowhere' }]), error => {
    assert.ok(isCode(error, 'TOPIC_UNKNOWN'))
    assert.match(String(error), /nowhere: missing; a topic of `sources`, which is yours to make/)
    return true
  })
})

test('without sources it waits for nothing and stops', async () => {
  const context = {
    config: parseConfig({}),
    log: openEmbeddedLog(),
    wire,
    meter: createMeter(),
    logger: pino({ level: 'silent' }),
    now: Date.now,
  }
  running = await runIntake(context)
  assert.equal(running.waitingFor(), '')
})
