import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runIntake } from '../../src/intake/service.ts'
import { realRim } from '../../src/log/chain/rim.ts'
import { chainRules } from '../../src/log/chain/rules.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { gather } from '../../src/operate/repartition/chains.ts'
import { repartition } from '../../src/operate/repartition.ts'
import { intakeGroup, topicName } from '../../src/pipeline.ts'
import { openSnapshotTopic } from '../../src/ranker/snapshot-topic.ts'
import { ignorantWire } from '../wire/ignorant.ts'
import { did, openLive, publishItems, request } from './live.ts'
import { checkMoves } from './moves.ts'

test(
  'more partitions, then fewer: nothing is lost or learned twice, and late outcomes still find their decisions',
  {
    timeout: 180_000,
  },
  t => checkMoves(t, openEmbeddedLog()),
)

test('into topics that are not empty it does not go', { timeout: 60_000 }, async t => {
  const log = openEmbeddedLog()
  const loop = await openLive(t, {}, log)
  await loop.start()
  const to = `${loop.context.config.topics.prefix}next.`
  const options = { partitions: 3, to, timeoutMs: 10_000 }
  await repartition(loop.context, options)
  await assert.rejects(repartition(loop.context, options), { code: 'TOPIC_MISCONFIGURED' })
  await assert.rejects(repartition(loop.context, { ...options, partitions: 4 }), { code: 'TOPIC_MISCONFIGURED' })
  assert.equal(await log.partitionCount(topicName(to, 'events')), 3)
})

test('records are gathered into batches that fit, whatever part of them is large', async () => {
  const log = openEmbeddedLog()
  await applyTopics(log, topicSpecs({ prefix: 'a.', partitions: 1, policies: 1, replicationFactor: 1 }))
  const large = Buffer.alloc(600_000)
  const gathered = gather(async records => void (await log.append('a.events', 0, records)))
  for (let i = 0; i < 5; i++)
    await gathered.add({ key: Buffer.from('u'), value: Buffer.from('x'), headers: { trace: large } })
  for (let i = 0; i < 5; i++) await gathered.add({ key: Buffer.from('u'), value: large })
  await gathered.flush()
  assert.equal((await log.ends('a.events', 0)).latest, 10)
})

test('intake goes on in a topic of yours where it was', { timeout: 60_000 }, async t => {
  const log = openEmbeddedLog()
  const fields = { user_id: { key: true as const }, time_ms: { timestamp: true as const }, type: { path: 'type' } }
  const from = (type: string) => ({
    topic: 'shop',
    to: 'events' as const,
    when: { path: 'type', in: [type] },
    fields: { ...fields, event_id: { origin: true as const } },
  })
  await log.createTopics([{ topic: 'shop', partitions: 1, replicationFactor: 1, config: {} }])
  const loop = await openLive(t, { sources: [from('click'), from('like')] }, log)
  await loop.start()
  const visit = (type: string) => ({
    key: Buffer.from('u'),
    value: Buffer.from(JSON.stringify({ type })),
    timestampMs: 1,
  })
  await log.append('shop', 0, ['click', 'like', 'click'].map(visit))
  const { prefix } = loop.context.config.topics
  const intake = await runIntake(loop.context)
  while ((await log.committed(intakeGroup(prefix, 'shop'), 'shop'))[0]?.offset !== 3) await sleep(10)
  await intake.stop()
  const to = `${prefix}next.`
  await repartition(loop.context, { partitions: 3, to, timeoutMs: 10_000 })
  assert.deepEqual(
    (await log.committed(intakeGroup(to, 'shop'), 'shop')).map(({ partition, offset }) => [partition, offset]),
    [[0, 3]],
  )
})

test('what people did before all that the topics still hold moves with them', { timeout: 60_000 }, async t => {
  const log = openEmbeddedLog()
  const loop = await openLive(t, { state: { snapshotMs: 0 } }, log)
  const { wire, config, meter, logger } = loop.context
  const { prefix } = config.topics
  await publishItems(loop, ['a', 'b'])
  await loop.start()
  const users = Array.from({ length: 12 }, (_, i) => `u${i}`)
  for (const user of users) await loop.append('events', user, did(user, 'click', { item_id: 'a' }))
  for (const user of users) await loop.append('requests', user, request(user))
  await loop.settled()
  const io = { log, rim: realRim(), rules: chainRules }
  for (const partition of [0, 1])
    for (let saved = 0; saved < (await log.ends(topicName(prefix, 'events'), partition)).latest; await sleep(50)) {
      const topic = await openSnapshotTopic(io, { wire, meter, logger, prefix, partition })
      const { floor } = await topic.lastFloor()
      if (floor?.point) saved = JSON.parse(floor.point).header.inputs[1].next
    }
  for (const partition of [0, 1]) {
    const topic = topicName(prefix, 'events')
    log.truncateFront(topic, partition, (await log.ends(topic, partition)).latest)
  }
  const to = `${prefix}next.`
  const { people } = await repartition(loop.context, { partitions: 5, to, timeoutMs: 10_000 })
  assert.equal(people, users.length)
  await loop.stop()
  const next = await openLive(t, { topics: { prefix: to, partitions: 5 } }, log)
  await next.start()
  const before = await loop.decisions()
  for (const user of users) await next.append('requests', user, request(user))
  for (const { user_id, decision_id } of before)
    await next.append('requests', user_id, request(user_id, { request_id: decision_id }))
  await next.settled()
  const decided = (await next.decisions()).slice()
  assert.equal(decided.length, 2 * users.length, 'none is decided again')
  const fresh = decided.filter(each => before.every(old => old.decision_id !== each.decision_id))
  assert.equal(fresh.length, users.length)
  for (const { state } of fresh)
    assert.deepEqual(
      state.history.map(each => each.item_id),
      ['a'],
    )
})

test('histories that only the ranker still knows are not dropped: nothing is sealed', { timeout: 60_000 }, async t => {
  const log = openEmbeddedLog()
  const loop = await openLive(t, {}, log)
  const { prefix } = loop.context.config.topics
  await publishItems(loop, ['a', 'b'])
  await loop.start()
  for (const user of ['u0', 'u1', 'u2']) await loop.append('events', user, did(user, 'click', { item_id: 'a' }))
  await loop.settled()
  for (const partition of [0, 1]) {
    const topic = topicName(prefix, 'events')
    log.truncateFront(topic, partition, (await log.ends(topic, partition)).latest)
  }
  const options = { partitions: 3, to: `${prefix}next.`, timeoutMs: 10_000 }
  await assert.rejects(repartition(loop.context, options), { code: 'OFFSET_OUT_OF_RANGE' })
  await loop.append('requests', 'u0', request('u0'))
  await loop.settled()
  const [decision] = await loop.decisions()
  assert.equal(decision!.state.history.length, 1)
})

test('the old snapshots are only read, whatever waits to be written there', { timeout: 60_000 }, async t => {
  const log = openEmbeddedLog()
  const loop = await openLive(t, {}, log)
  const { config } = loop.context
  const { prefix } = config.topics
  await loop.start()
  const users = Array.from({ length: 12 }, (_, i) => `u${i}`)
  for (const user of users) await loop.append('events', user, did(user, 'click', { item_id: 'a' }))
  await loop.settled()
  await loop.stop()
  const dueAtOnce = { ...loop.context, config: { ...config, state: { ...config.state, snapshotMs: 0 } } }
  const { people } = await repartition(dueAtOnce, { partitions: 3, to: `${prefix}next.`, timeoutMs: 10_000 })
  assert.equal(people, users.length)
  for (const partition of [0, 1])
    assert.equal((await log.ends(topicName(prefix, 'snapshots'), partition)).latest, 0, `snapshots/${partition}`)
})

test('a decision that is left out is not decided again', { timeout: 60_000 }, async t => {
  const log = openEmbeddedLog()
  const loop = await openLive(t, { topics: { partitions: 1 } }, log)
  const { prefix } = loop.context.config.topics
  await publishItems(loop, ['a', 'b'])
  await loop.start()
  const users = Array.from({ length: 12 }, (_, i) => `u${i}`)
  for (const user of users) {
    await loop.append('requests', user, request(user))
    await loop.settled()
  }
  const topic = topicName(prefix, 'transitions')
  log.truncateFront(topic, 0, (await log.ends(topic, 0)).latest - 4)
  const to = `${prefix}next.`
  const { leftOut } = await repartition(loop.context, { partitions: 2, to, timeoutMs: 10_000 })
  assert.ok(leftOut > 0, `${leftOut} left out`)
  const before = await loop.decisions()
  await loop.stop()
  const next = await openLive(t, { topics: { prefix: to, partitions: 2 } }, log)
  await next.start()
  for (const { user_id, decision_id } of before)
    await next.append('requests', user_id, request(user_id, { request_id: decision_id }))
  await next.settled()
  assert.equal((await next.decisions()).length, before.length - leftOut, 'none is decided again')
})

test('records whose schema is not known yet are moved like the others', { timeout: 60_000 }, async t => {
  const loop = await openLive(t)
  await loop.start()
  await publishItems(loop, ['a', 'b'])
  const users = Array.from({ length: 20 }, (_, i) => `u${i}`)
  for (const user of users) await loop.append('requests', user, request(user))
  for (const user of users) await loop.append('events', user, did(user, 'view'))
  await loop.settled()
  const { wire, config, log } = loop.context
  const to = `${config.topics.prefix}next.`
  const moved = await repartition(
    { ...loop.context, wire: ignorantWire(wire) },
    { partitions: 3, to, timeoutMs: 10_000 },
  )
  const ends = async (topic: 'events', prefix: string, partitions: number) => {
    const all = Array.from({ length: partitions }, (_, partition) => log.ends(topicName(prefix, topic), partition))
    return (await Promise.all(all)).reduce((sum, { latest }) => sum + latest, 0)
  }
  assert.equal(moved.decisions, users.length)
  assert.equal(await ends('events', to, 3), await ends('events', config.topics.prefix, 2))
})
