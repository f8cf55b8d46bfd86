/** A loop on which every metric of the table has a value: some traffic, and what an orderly world does not send. */
import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import type { Request } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import type { RunningGateway } from '../../src/gateway/service.ts'
import { decodeHeader, encodeHeader, STEP_HEADER } from '../../src/log/chain/header.ts'
import type { Log } from '../../src/log/log.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter, type Meter } from '../../src/metrics.ts'
import type { Running, ServiceContext } from '../../src/operate/context.ts'
import { startServices } from '../../src/operate/run.ts'
import { pipeline, type TopicName } from '../../src/pipeline.ts'
import { event } from '../transitions/make.ts'
import { request as wish } from './live.ts'

const PARTITIONS = 2
export const stages = pipeline.map(entry => entry.stage)
export const environment = openEnvironment('recogym')

const shopFields = {
  event_id: { origin: true },
  user_id: { constant: 'u' },
  type: { path: 'type' },
  time_ms: { timestamp: true },
} as const

export interface WorldOptions {
  readonly log: Log
  readonly prefix: string
  readonly meter?: Meter
  /** Laid over the configuration. */
  readonly config?: ConfigInput
  /** Policies beside that of the environment and an apprentice. */
  readonly policies?: ConfigInput['policies']
}

export async function openContext({
  log,
  prefix,
  meter = createMeter(),
  ...more
}: WorldOptions): Promise<ServiceContext> {
  const preset = environment.preset as ConfigInput
  const config = parseConfig({
    ...preset,
    policies: [
      ...preset.policies!.map(policy => ({
        ...policy,
        candidates: { filters: ['!has(item.price) || item.price < 5.0'] },
      })),
      { name: 'apprentice', mode: 'apprentice' },
      ...(more.policies ?? []),
    ],
    topics: { prefix, partitions: PARTITIONS },
    step: { progressMs: 200, idleMs: 200 },
    shedding: { fromRequests: 1, perStep: 1, leastPass: 0.5 },
    learner: { publishMs: 200, fullEvery: 2 },
    http: { host: '127.0.0.1', port: 0 },
    gateway: { host: '127.0.0.1', port: 0, maxWaiting: 1 },
    sources: [{ topic: `${prefix}shop`, to: 'events', fields: shopFields }],
    ...more.config,
  })
  await applyTopics(log, topicSpecs({ ...config.topics, policies: config.policies.length }))
  await log.createTopics([{ topic: `${prefix}shop`, partitions: 1, replicationFactor: 1, config: {} }])
  const wire = await createWire({ prefix })
  return { config, log, wire, meter, logger: pino({ level: 'silent' }), now: Date.now }
}

export const request = (id: string, fields: Partial<Request>): Request => wish('u', { request_id: id, ...fields })

/** The batch that the chain of a partition begins with, once there is one. */
async function firstBatch(log: Log, topic: string, partition: number) {
  for (;;) {
    const [record] = await log.read(topic, partition, 0, { waitMs: 1000 })
    if (record) return { offset: record.offset, id: decodeHeader(record.headers[STEP_HEADER]!).id }
  }
}

/** A price that is no number, on which the policy's condition fails: told by the next decision, unless its step loses to the rival's.
 * @param time of the item's version, ms */
export async function spoil({ log, wire, config }: ServiceContext, time: number): Promise<void> {
  const item = { item_id: 'u', text: null, attributes: { price: `much ${time}` }, available: true, time_ms: time }
  await log.append(`${config.topics.prefix}items`, 0, [{ key: Buffer.from('u'), value: wire.encode('items', item) }])
}

/** What an orderly world does not send: duplicates, nonsense, unknown candidates, a slate of two, an apprentice's, a rival's
 * batch. */
export async function misbehave({ log, wire, config }: ServiceContext): Promise<void> {
  const { prefix } = config.topics
  const partition = partitionFor('u', PARTITIONS)
  const put = (topic: TopicName, value: unknown) =>
    log.append(`${prefix}${topic}`, partition, [{ key: Buffer.from('u'), value: wire.encode(topic, value) }])
  for (const id of ['twice', 'twice']) await put('requests', request(id, { slots: 2 }))
  await put('requests', request('nothing', { candidates: ['no such item'] }))
  await put('requests', request('nonsense', { slots: 0 }))
  const [{ item_id }] = environment.items()
  for (const id of ['a', 'b', 'c']) await put('requests', request(id, { policy: 'apprentice', baseline: [item_id] }))
  const click = event('click', 0, { decision_id: null, time_ms: Date.now() })
  for (const copy of [click, click]) await put('events', copy)
  await log.append(`${prefix}shop`, 0, [{ key: null, value: Buffer.from('{"type":"click"}') }])
  const header = encodeHeader({
    version: 1,
    id: '0123456789abcdef',
    prev: await firstBatch(log, `${prefix}recommendations`, partition),
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

/** The gate with a bound that no second version keeps, in the place of the one that runs. @param between while none runs */
export async function restartGate(
  context: ServiceContext,
  running: Running[],
  between = async (): Promise<void> => {},
): Promise<void> {
  const index = running.findIndex(service => service.name === 'gate')
  await running[index]!.stop()
  await between()
  const config = { ...context.config, gate: { ...context.config.gate, maxKl: 1e-15 } }
  running.splice(index, 1, ...(await startServices({ ...context, config }, ['gate'])))
}

/** Of calls at the same time one is answered, and others find the gateway full. */
export async function call(gateway: RunningGateway): Promise<void> {
  const body = JSON.stringify({ request_id: randomUUID(), user_id: 'u', timeout_ms: 5000 })
  const headers = { 'content-type': 'application/json' }
  await fetch(`http://127.0.0.1:${gateway.port}/v1/recommendations`, { method: 'POST', headers, body })
}
