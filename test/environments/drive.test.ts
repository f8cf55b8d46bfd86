import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BehaviorEvent, Item, Recommendation, Request } from '../../schemas/records.ts'
import { startDrive } from '../../src/environments/drive.ts'
import type { Act, Environment, Observation } from '../../src/environments/environment.ts'
import { publishWorld } from '../../src/environments/publish.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { createWire } from '../../src/log/wire/create.ts'
import type { Wire } from '../../src/log/wire/wire.ts'
import { type TopicName, topicName } from '../../src/pipeline.ts'

const prefix = 'drive.'
const PARTITIONS = 3

/** Three decisions a session; one view before each; item `good` is clicked, `late` is clicked later. */
function world(): Environment {
  const act = (type: string, itemId: string, delayMs = 0): Act => ({ type, itemId, value: null, delayMs })
  return {
    name: 'three',
    preset: {},
    items: () =>
      ['good', 'bad', 'late'].map(id => ({ item_id: id, text: null, attributes: {}, available: true, time_ms: 0 })),
    rates: () => ({ random: 0, bestFixed: 1, oracle: 1, how: 'by design' }),
    session(index) {
      let left = 3
      const observe = (): Observation => ({
        organic: [act('view', 'good')],
        candidates: null,
        context: { turn: 3 - left },
        slots: 1,
        done: left === 0,
      })
      return {
        userId: `u${index}`,
        sessionId: `s${index}`,
        reset: observe,
        step([shown]) {
          left--
          const outcomes = shown === 'bad' ? [] : [act('click', shown, shown === 'late' ? 60_000 : 0)]
          return { outcomes, expectedReward: shown === 'good' ? 1 : 0, next: observe() }
        },
      }
    },
  }
}

async function bus(): Promise<{ log: Log; wire: Wire }> {
  const log = openEmbeddedLog()
  const specs = ['items', 'users', 'events', 'requests'].map(topic => ({
    topic: `${prefix}${topic}`,
    partitions: topic === 'items' ? 1 : PARTITIONS,
    replicationFactor: 1,
    config: {},
  }))
  await log.createTopics(specs)
  return { log, wire: await createWire({ prefix }) }
}

async function readAll<T>({ log, wire }: { log: Log; wire: Wire }, topic: TopicName) {
  const name = topicName(prefix, topic)
  const all: { value: T; partition: number; key: string }[] = []
  for (let partition = 0; partition < (await log.partitionCount(name)); partition++)
    for (const record of await log.read(name, partition, 0, { maxBytes: 1e9 }))
      all.push({ value: wire.decode(topic, record.value!) as T, partition, key: record.key!.toString() })
  return all
}

/** Answers requests as they come, with what `choose` says; checks that what happened before is on the bus by then. */
function answering(at: { log: Log; wire: Wire }, choose: (request: Request) => string | null | undefined) {
  return async (take: (decision: Recommendation) => void, signal: AbortSignal) => {
    const follow = async (partition: number) => {
      for (let offset = 0; !signal.aborted; ) {
        const records = await at.log.read(`${prefix}requests`, partition, offset, { waitMs: 20, signal })
        for (const record of records) {
          offset = record.offset + 1
          const request = at.wire.decode('requests', record.value!) as Request
          const item = choose(request)
          if (item !== undefined) take(decision(request, item))
        }
      }
    }
    await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => follow(partition)))
  }
}

const decision = (request: Request, item: string | null) =>
  ({
    decision_id: request.request_id,
    slots: item === null ? [] : [{ item_id: item }],
    slate_hash: `hash-of-${request.request_id}`,
  }) as unknown as Recommendation

const until = async (condition: () => boolean): Promise<void> => {
  const deadline = Date.now() + 5000
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'did not happen within 5 s')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

test('the catalogue is published with keys and in the right partitions', async () => {
  const at = await bus()
  await publishWorld({ environment: world(), ...at, prefix, now: () => 77 })
  const items = await readAll<Item>(at, 'items')
  assert.deepEqual(
    items.map(({ key, value }) => [key, value.item_id, value.time_ms]),
    [
      ['good', 'good', 77],
      ['bad', 'bad', 77],
      ['late', 'late', 77],
    ],
  )
})

test('in event time decisions of a session are a step apart, however fast they are taken', async () => {
  const at = await bus()
  const decisions = answering(at, () => 'good')
  const environment = { ...world(), discount: 0.5 }
  const drive = await startDrive({ environment, ...at, prefix, seed: 1, sessions: 3, stepMs: 1000, decisions })
  await until(() => drive.stats().sessions >= 40)
  await drive.stop()
  const requests = await readAll<Request>(at, 'requests')
  const events = await readAll<BehaviorEvent>(at, 'events')
  const [first, second, third] = requests
    .filter(({ value }) => value.user_id === 'u1')
    .map(({ value }) => value.time_ms)
  assert.deepEqual([second - first, third - second], [1000, 1000])
  const clicks = events.filter(({ value }) => value.user_id === 'u1' && value.type === 'click')
  assert.deepEqual(
    clicks.map(({ value }) => value.time_ms),
    [first, second, third],
  )
  // any eleven decisions of three sessions side by side, three decisions each, end one
  assert.ok(drive.stats().decisions >= 110)
  assert.equal(drive.stats().returnLast10pct, 1 + 0.5 + 0.25)
})

test('sessions follow one another; outcomes name their decision; what happened before is there before the request', async () => {
  const at = await bus()
  const behind: string[] = []
  const choose = (request: Request) => {
    const turn = Number(request.context.turn)
    const stored = at.log.read(`${prefix}events`, partitionFor(request.user_id, PARTITIONS), 0, { maxBytes: 1e9 })
    void stored.then(records => {
      const views = records
        .map(record => at.wire.decode('events', record.value!) as BehaviorEvent)
        .filter(event => event.user_id === request.user_id && event.type === 'view')
      if (views.length < turn + 1) behind.push(request.request_id)
    })
    return turn === 2 ? 'bad' : 'good'
  }
  const drive = await startDrive({
    environment: world(),
    ...at,
    prefix,
    seed: 1,
    sessions: 8,
    decisions: answering(at, choose),
  })
  await until(() => drive.stats().sessions >= 40)
  await drive.stop()
  await drive.done
  const requests = await readAll<Request>(at, 'requests')
  const events = await readAll<BehaviorEvent>(at, 'events')
  const stats = drive.stats()
  assert.equal(requests.length, stats.requests)
  assert.equal(stats.decisions, stats.requests)
  assert.equal(events.length, stats.events)
  assert.equal(stats.unanswered, 0)
  assert.deepEqual(behind, [])
  assert.equal(new Set(requests.map(({ value }) => value.request_id)).size, requests.length)
  assert.equal(new Set(events.map(({ value }) => value.event_id)).size, events.length)
  for (const { value, partition, key } of [...requests, ...events]) {
    assert.equal(partition, partitionFor(value.user_id, PARTITIONS))
    assert.equal(key, value.user_id)
  }
  const clicks = events.filter(({ value }) => value.type === 'click').map(({ value }) => value)
  assert.equal(clicks.length, requests.filter(({ value }) => value.context.turn !== 2).length)
  for (const click of clicks) {
    assert.equal(click.slate_hash, `hash-of-${click.decision_id}`)
    assert.equal(click.slot, 0)
  }
  assert.ok(drive.recent(1e9) > 0.6 && drive.recent(1e9) < 0.75)
})

test('stop brings outcomes forward that were to come later', async () => {
  const at = await bus()
  const drive = await startDrive({
    environment: world(),
    ...at,
    prefix,
    seed: 1,
    sessions: 4,
    decisions: answering(at, () => 'late'),
  })
  await until(() => drive.stats().decisions >= 20)
  await drive.stop()
  const clicks = (await readAll<BehaviorEvent>(at, 'events')).filter(({ value }) => value.type === 'click')
  assert.equal(clicks.length, drive.stats().decisions)
})

test('requests without an answer, and empty answers, are given up and counted; traffic goes on', async () => {
  const at = await bus()
  const choose = (request: Request) => (request.user_id === 'u0' ? undefined : request.user_id === 'u1' ? null : 'good')
  const drive = await startDrive({
    environment: world(),
    ...at,
    prefix,
    seed: 1,
    sessions: 2,
    answerMs: 100,
    decisions: answering(at, choose),
  })
  await until(() => drive.stats().unanswered === 2 && drive.stats().decisions >= 6)
  await drive.stop()
})

test('stop is bounded when nobody answers', async () => {
  const at = await bus()
  const drive = await startDrive({
    environment: world(),
    ...at,
    prefix,
    seed: 1,
    sessions: 2,
    decisions: answering(at, () => undefined),
  })
  await until(() => drive.stats().requests === 2)
  await drive.stop(50)
  assert.equal(drive.stats().unanswered, 2)
})

test('an uncertain append is repeated, a terminal one ends the drive', async () => {
  const { FeedloopError, isCode } = await import('../../src/errors.ts')
  const at = await bus()
  let failures = 3
  const shaky: Log = {
    ...at.log,
    async append(topic, partition, records) {
      if (failures-- > 0) throw new FeedloopError('APPEND_UNCERTAIN', 'lost')
      if (failures < -20) throw new FeedloopError('TOPIC_UNKNOWN', topic)
      return at.log.append(topic, partition, records)
    },
  }
  const drive = await startDrive({
    environment: world(),
    log: shaky,
    wire: at.wire,
    prefix,
    seed: 1,
    sessions: 4,
    decisions: answering(at, () => 'good'),
  })
  await assert.rejects(drive.done, error => isCode(error, 'TOPIC_UNKNOWN'))
  await drive.stop(100)
  assert.ok(drive.stats().decisions > 0)
})
