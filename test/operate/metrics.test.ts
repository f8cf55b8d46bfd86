/** The operator's door of a process with every stage in it: after some traffic, every metric of the table has a value. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { type Drive, startDrive } from '../../src/environments/drive.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { publishWorld } from '../../src/environments/publish.ts'
import type { RunningGateway } from '../../src/gateway/service.ts'
import { encodeHeader, STEP_HEADER } from '../../src/log/chain/header.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { type MetricName, metricTable } from '../../src/metric-table.ts'
import { createMeter } from '../../src/metrics.ts'
import type { Running, ServiceContext } from '../../src/operate/context.ts'
import { openOperatorDoor } from '../../src/operate/http.ts'
import { startServices, stopServices } from '../../src/operate/run.ts'
import { pipeline, type TopicName } from '../../src/pipeline.ts'
import { event } from '../transitions/make.ts'

const PARTITIONS = 2
const LIMIT_MS = 45_000
const prefix = 'm.'
const stages = pipeline.map(entry => entry.stage)
const environment = openEnvironment('recogym')

const shopFields = {
  event_id: { origin: true },
  user_id: { constant: 'u' },
  type: { path: 'type' },
  time_ms: { timestamp: true },
} as const

async function openContext(): Promise<ServiceContext> {
  const log = openEmbeddedLog()
  const preset = environment.preset as ConfigInput
  const config = parseConfig({
    ...preset,
    policies: [
      ...preset.policies!.map(policy => ({
        ...policy,
        candidates: { filters: ['!has(item.price) || item.price < 5.0'] },
      })),
      { name: 'apprentice', mode: 'apprentice' },
    ],
    topics: { prefix, partitions: PARTITIONS },
    step: { progressMs: 200, idleMs: 200 },
    shedding: { fromRequests: 1, perStep: 1, leastPass: 0.5 },
    learner: { publishMs: 200, fullEvery: 2 },
    http: { host: '127.0.0.1', port: 0 },
    gateway: { host: '127.0.0.1', port: 0, maxWaiting: 1 },
    sources: [{ topic: 'shop', to: 'events', fields: shopFields }],
  })
  await applyTopics(log, topicSpecs({ ...config.topics, policies: config.policies.length }))
  await log.createTopics([{ topic: 'shop', partitions: 1, replicationFactor: 1, config: {} }])
  const wire = await createWire({ prefix })
  return { config, log, wire, meter: createMeter(), logger: pino({ level: 'silent' }), now: Date.now }
}

const request = (id: string, fields: object) => ({
  request_id: id,
  user_id: 'u',
  session_id: null,
  policy: 'default',
  time_ms: Date.now(),
  deadline_ms: null,
  slots: 1,
  context: {},
  candidates: null,
  baseline: null,
  excluded: null,
  pinned: null,
  deferred: false,
  ...fields,
})

/** What an orderly world does not send: duplicates, nonsense, unknown candidates, a price that is no number, a slate of
 * two, an apprentice's, a rival's batch. */
async function misbehave({ log, wire }: ServiceContext): Promise<void> {
  const partition = partitionFor('u', PARTITIONS)
  const put = (topic: TopicName, value: unknown) =>
    log.append(`${prefix}${topic}`, partition, [{ key: Buffer.from('u'), value: wire.encode(topic, value) }])
  for (const id of ['twice', 'twice']) await put('requests', request(id, { slots: 2 }))
  await put('requests', request('nothing', { candidates: ['no such item'] }))
  await put('requests', request('nonsense', { slots: 0 }))
  const item = { item_id: 'u', text: null, attributes: { price: 'much' }, available: true, time_ms: 1 }
  await log.append(`${prefix}items`, 0, [{ key: Buffer.from('u'), value: wire.encode('items', item) }])
  const [{ item_id }] = environment.items()
  for (const id of ['a', 'b', 'c']) await put('requests', request(id, { policy: 'apprentice', baseline: [item_id] }))
  const click = event('click', 0, { decision_id: null, time_ms: Date.now() })
  for (const copy of [click, click]) await put('events', copy)
  await log.append('shop', 0, [{ key: null, value: Buffer.from('{"type":"click"}') }])
  const header = encodeHeader({
    version: 1,
    id: '0123456789abcdef',
    prev: { offset: 0, id: 'fedcba9876543210' },
    epoch: 0,
    inputs: [],
    tick: { timeMs: 1, watermarkMs: 1 },
    count: 1,
    outputs: 0,
    partitions: PARTITIONS,
  })
  await log.append(`${prefix}recommendations`, partition, [
    { key: null, value: null, headers: { [STEP_HEADER]: header } },
  ])
}

/** Only what goes badly wrong raises these, or a catalogue that is large, a Kafka, or an audit; each has a test of its own. */
const elsewhere: readonly MetricName[] = [
  'feedloop_state_dropped_total',
  'feedloop_retrieval_seconds',
  'feedloop_commit_failures_total',
  'feedloop_model_fallbacks_total',
  'feedloop_learner_not_finite_total',
  'feedloop_kafka_request_seconds',
  'feedloop_kafka_request_failures_total',
  'feedloop_kafka_received_bytes_total',
  'feedloop_accounting_differences',
  'feedloop_accounting_records',
  'feedloop_accounting_timestamp_seconds',
  'feedloop_heartbeats_sent_total',
  'feedloop_heartbeat_timestamp_seconds',
]

/** True when the text has a sample of the metric; of a histogram, one that saw something. */
const hasValue = (text: string, name: MetricName): boolean =>
  metricTable[name].type === 'histogram'
    ? new RegExp(`^${name}_count(\\{.*\\})? [1-9]`, 'm').test(text)
    : new RegExp(`^${name}(\\{.*\\})? [-+0-9.e]+$`, 'm').test(text)

async function until(what: string, look: () => Promise<string>): Promise<void> {
  const deadline = Date.now() + LIMIT_MS
  for (;;) {
    const missing = await look()
    if (missing === '') return
    assert.ok(Date.now() < deadline, `${what}: ${missing}`)
    await sleep(100)
  }
}

/** The gate with a bound that no second version keeps, in the place of the one that runs. */
async function restartGate(context: ServiceContext, running: Running[]): Promise<void> {
  const index = running.findIndex(service => service.name === 'gate')
  await running[index]!.stop()
  const config = { ...context.config, gate: { ...context.config.gate, maxKl: 1e-15 } }
  running.splice(index, 1, ...(await startServices({ ...context, config }, ['gate'])))
}

/** Of calls at the same time one is answered, and others find the gateway full. */
async function call(gateway: RunningGateway): Promise<void> {
  const body = JSON.stringify({ request_id: randomUUID(), user_id: 'u', timeout_ms: 5000 })
  const headers = { 'content-type': 'application/json' }
  await fetch(`http://127.0.0.1:${gateway.port}/v1/recommendations`, { method: 'POST', headers, body })
}

test('every metric of the table has a value at /metrics, and /livez and /readyz answer', async () => {
  const context = await openContext()
  const running: Running[] = []
  let traffic: Drive | undefined
  const door = await openOperatorDoor(context, () => running)
  const get = (path: string) => fetch(`http://127.0.0.1:${door.port}${path}`)
  const metrics = async () => (await get('/metrics')).text()
  try {
    assert.equal((await get('/livez')).status, 200)
    assert.equal((await get('/readyz')).status, 503, 'nothing runs yet')

    running.push(...(await startServices(context, stages)))
    const gateway = running.find(({ name }) => name === 'gateway') as RunningGateway
    await publishWorld({ environment, log: context.log, wire: context.wire, prefix })
    await until('ready', async () => {
      const response = await get('/readyz')
      return response.status === 200 ? '' : response.text()
    })
    traffic = await startDrive({ environment, ...context, prefix, seed: 1, sessions: 16 })
    await misbehave(context)
    await until('served', async () =>
      /^feedloop_freshness_seconds_count\{until="serving"\} [1-9]/m.test(await metrics())
        ? ''
        : 'no fresh version serves',
    )
    await restartGate(context, running)
    await until('without a value', async () => {
      await Promise.all([call(gateway), call(gateway), call(gateway)])
      const text = await metrics()
      const expected = (Object.keys(metricTable) as MetricName[]).filter(name => !elsewhere.includes(name))
      const missing = expected.filter(name => !hasValue(text, name))
      return missing.join(', ')
    })
    const response = await get('/metrics')
    assert.match(response.headers.get('content-type')!, /^application\/openmetrics-text; version=1\.0\.0/)
    const text = await response.text()
    assert.ok(text.endsWith('# EOF\n'))
    for (const stage of ['transition', 'update', 'serving', 'decision'])
      assert.match(text, new RegExp(`^feedloop_freshness_seconds_count\\{until="${stage}"\\} [1-9]`, 'm'))
    for (const [, version] of text.matchAll(/^feedloop_model_version\{stage="ranker",policy="default"\} (\d+)$/gm))
      assert.ok(Number(version) > 0)
    assert.match(text, /^feedloop_dead_letters_total\{stage="ranker",code="RECORD_INVALID"\} 1$/m)
  } finally {
    await traffic?.stop(1000)
    await stopServices(running)
    await door.close()
  }
})
