/** A heartbeat goes the whole way and is learned by no policy but its own. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { ModelVersion, Recommendation } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { isCode } from '../../src/errors.ts'
import { audit } from '../../src/evaluation/audit.ts'
import { HEARTBEAT, heartbeatUser } from '../../src/heartbeat.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter } from '../../src/metrics.ts'
import { follow } from '../../src/operate/broadcast.ts'
import type { ServiceContext } from '../../src/operate/context.ts'
import { beat, beatUntil, tellReturn } from '../../src/operate/heartbeats.ts'
import { startServices, stopServices } from '../../src/operate/run.ts'
import { settle } from '../../src/operate/settle.ts'

const prefix = 'h.'
const PARTITIONS = 2
const LIMIT_MS = 45_000

describe('the policy of the heartbeats', () => {
  test('is there when they are sent, behind all others', () => {
    assert.deepEqual(
      parseConfig({ heartbeat: { everyMs: 1000 }, policies: [{}, { name: 'b' }] }).policies.map(({ name }) => name),
      ['default', 'b', HEARTBEAT],
    )
    assert.deepEqual(
      parseConfig({}).policies.map(({ name }) => name),
      ['default'],
    )
  })
  test('may not be one of yours', () => {
    const input = { heartbeat: { everyMs: 1000 }, policies: [{ name: HEARTBEAT }] }
    assert.throws(
      () => parseConfig(input),
      error => isCode(error, 'CONFIG_INVALID'),
    )
  })
  test('has a user in every partition', () => {
    for (const partitions of [1, 2, 12])
      for (let partition = 0; partition < partitions; partition++)
        assert.equal(partitionFor(heartbeatUser(partition, partitions), partitions), partition)
  })
})

/** Lines that were logged, and a logger for it. */
function listener() {
  const lines: { readonly level: number; readonly msg: string }[] = []
  return { lines, logger: pino({ level: 'info' }, { write: line => void lines.push(JSON.parse(line)) }) }
}

async function openContext(logger = pino({ level: 'silent' })): Promise<ServiceContext> {
  const log = openEmbeddedLog()
  const config = parseConfig({
    features: { dimensions: 8 },
    heartbeat: { everyMs: 100 },
    topics: { prefix, partitions: PARTITIONS },
    step: { progressMs: 200, idleMs: 200 },
    learner: { publishMs: 200 },
  })
  await applyTopics(log, topicSpecs({ ...config.topics, policies: config.policies.length }))
  const wire = await createWire({ prefix })
  const item = { item_id: 'a', text: 'a thing', attributes: {}, available: true, time_ms: 1 }
  await log.append(`${prefix}items`, 0, [{ key: Buffer.from('a'), value: wire.encode('items', item) }])
  return { config, log, wire, meter: createMeter(), logger, now: Date.now }
}

/** Ages, s, of the beats that decisions know of, by partition. */
async function agesOf({ meter }: ServiceContext): Promise<readonly number[]> {
  const { values } = await meter.registry.getSingleMetric('feedloop_heartbeat_timestamp_seconds')!.get()
  return values.map(({ value }) => Date.now() / 1000 - value)
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + LIMIT_MS; !(await holds()); await sleep(50)) assert.ok(Date.now() < deadline, what)
}

test('beats come back by the decisions of every partition, age when one stage stands still, and are accounted for', async t => {
  const context = await openContext()
  const stop = new AbortController()
  const running = [...(await startServices(context, ['features', 'ranker', 'joiner', 'learner', 'gate']))]
  const models: ModelVersion[] = []
  const decisions: Recommendation[] = []
  const followers = [
    follow<ModelVersion>(context, 'models', model => models.push(model)),
    follow<Recommendation>(context, 'recommendations', decision => decisions.push(decision)),
  ]
  t.after(async () => {
    stop.abort()
    for (const follower of followers) await follower.stop()
    await stopServices(running)
    await context.log.close()
  })
  await until('ready', async () => running.every(service => service.waitingFor() === ''))
  const beating = beatUntil(context, stop.signal)
  const { lines, logger } = listener()
  await tellReturn({ ...context, logger }, stop.signal, LIMIT_MS)
  assert.deepEqual(
    lines.map(({ msg }) => msg.slice(0, 21)),
    ['heartbeats come back:'],
  )
  const fresh = async () => {
    const ages = await agesOf(context)
    return ages.length === PARTITIONS && ages.every(age => age < 5)
  }
  await until('beats went the whole way', fresh)

  const learner = running.findIndex(({ name }) => name === 'learner')
  await running[learner]!.stop()
  const before = Math.min(...(await agesOf(context)))
  await until('without a learner they age', async () => Math.min(...(await agesOf(context))) > before + 2)
  running[learner] = (await startServices(context, ['learner']))[0]!
  await until('and are fresh again', async () => Math.max(...(await agesOf(context))) < 2)

  stop.abort()
  await beating
  await settle(context, ['features', 'ranker', 'joiner', 'learner', 'gate'], LIMIT_MS)
  for (const follower of followers) await follower.catchUp()
  const others = models.filter(({ policy }) => policy !== HEARTBEAT)
  assert.ok(models.some(({ policy, metrics }) => policy === HEARTBEAT && metrics.learned! > 0))
  assert.ok(
    others.every(({ metrics, newest_reward_ms }) => metrics.learned === 0 && newest_reward_ms === 0),
    'no other policy learned anything',
  )
  assert.ok(decisions.every(({ policy, slots }) => policy === HEARTBEAT && slots.length === 1))
  const text = await context.meter.registry.metrics()
  assert.doesNotMatch(text, /^feedloop_freshness_seconds_count\{.*\} [1-9]/m, "nobody's outcomes")
  assert.match(text, /^feedloop_catalogue_shown_items 0$/m)
  const report = await audit({ ...context, prefix })
  assert.deepEqual(report.differences, [])
  assert.equal(report.decisions.total, decisions.length)
  assert.equal(report.outcomes.joined, decisions.length)
})

test('where none comes back that is said, once', async () => {
  const { lines, logger } = listener()
  const context = await openContext(logger)
  const stop = new AbortController()
  const telling = tellReturn(context, stop.signal, 10)
  const beating = beatUntil(context, stop.signal)
  await telling
  stop.abort()
  await beating
  await tellReturn(context, stop.signal, 10)
  await context.log.close()
  assert.deepEqual(
    lines.map(({ level, msg }) => [level, msg.slice(0, 29)]),
    [[40, 'no heartbeat has come back in']],
  )
})

test('one beat is a request and an outcome that names it, in each partition', async () => {
  const context = await openContext()
  await beat(context)
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const [requests, events] = await Promise.all(
      ['requests', 'events'].map(topic => context.log.read(`${prefix}${topic}`, partition, 0)),
    )
    assert.deepEqual([requests!.length, events!.length], [1, 1])
    assert.equal(requests![0]!.key!.toString(), heartbeatUser(partition, PARTITIONS))
  }
  assert.match(await context.meter.registry.metrics(), /^feedloop_heartbeats_sent_total 2$/m)
  await context.log.close()
})
