/** A loop that runs on the embedded log, for what must work beside it. */
import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BehaviorEvent, ModelVersion, Recommendation, Request, UserProfile } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { readChain } from '../../src/evaluation/audit/read.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter } from '../../src/metrics.ts'
import { createLogger, type Running, type ServiceContext } from '../../src/operate/context.ts'
import { startServices, stopServices } from '../../src/operate/run.ts'
import { settle } from '../../src/operate/settle.ts'
import { type StageName, type TopicName, topicName } from '../../src/pipeline.ts'
import { createTracer } from '../../src/tracing/tracer.ts'

const afterFeatures: readonly StageName[] = ['ranker', 'joiner', 'learner', 'gate']

export interface Live {
  readonly context: ServiceContext
  append(topic: TopicName, userId: string, value: unknown): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
  /** Those that run. */
  services(): readonly Running[]
  /** All that was appended is decided, joined, learned. */
  settled(): Promise<void>
  decisions(): Promise<Recommendation[]>
}

export async function openLive(t: TestContext, input: ConfigInput = {}, log: Log = openEmbeddedLog()): Promise<Live> {
  const config = parseConfig({
    ...input,
    topics: { prefix: `live-${randomBytes(4).toString('hex')}.`, partitions: 2, ...input.topics },
    step: { intervalMs: 5, progressMs: 200, idleMs: 300, ...input.step },
    learner: { publishMs: 100, ...input.learner },
    gateway: { host: '127.0.0.1', port: 0, ...input.gateway },
    log: { level: 'error' },
  })
  const { prefix } = config.topics
  const wire = await createWire({ prefix })
  const logger = createLogger('error')
  const tracer = createTracer(config, 'feedloop', logger, Date.now)
  const context = { config, log, wire, meter: createMeter(), logger, now: Date.now, tracer }
  let running: readonly Running[] = []
  await applyTopics(log, topicSpecs({ ...config.topics, policies: config.policies.length }))
  const stop = async () => {
    // one that has failed must not keep the others from stopping
    for (const service of running) await stopServices([service]).catch(() => {})
    running = []
  }
  t.after(stop)
  t.after(() => tracer?.close())
  return {
    context,
    async append(topic, userId, value) {
      const name = topicName(prefix, topic)
      const record = { key: Buffer.from(userId), value: wire.encode(topic, value) }
      await log.append(name, partitionFor(userId, await log.partitionCount(name)), [record])
    },
    // The ranker starts with the catalogue to its end, so items that were published before can all be recommended.
    async start() {
      running = await startServices(context, ['features'])
      await settle(context, ['features'], 30_000)
      running = [...running, ...(await startServices(context, afterFeatures))]
      for (const service of running) while (service.waitingFor() !== '') await sleep(10)
    },
    stop,
    services: () => running,
    // Not the gate: after a restart it passes versions over in silence until a full checkpoint comes.
    settled: () => settle(context, ['features', 'ranker', 'joiner', 'learner'], 30_000),
    async decisions() {
      const all: Recommendation[] = []
      for (let p = 0; p < (await log.partitionCount(topicName(prefix, 'recommendations'))); p++)
        await readChain({ log, wire, config, prefix }, 'recommendations', p, record => {
          all.push(wire.decode('recommendations', record.value!) as Recommendation)
        })
      return all
    },
  }
}

/** Accepted model versions of the first policy, or another. */
export async function versionsOf({ context: { log, wire, config } }: Live, policy = 0): Promise<ModelVersion[]> {
  const found: ModelVersion[] = []
  await readChain({ log, wire, config, prefix: config.topics.prefix }, 'models', policy, ({ value }) => {
    if (value) found.push(wire.decode('models', value) as ModelVersion)
  })
  return found
}

/** Items that can be recommended. */
export async function publishItems({ append }: Live, ids: readonly string[]): Promise<void> {
  for (const item_id of ids) await append('items', item_id, { ...item, item_id, text: item_id, time_ms: Date.now() })
}
const item = { attributes: {}, available: true }

let ids = 0
export const request = (user: string, fields: Partial<Request> = {}): Request => ({
  request_id: `r${ids++}`,
  user_id: user,
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
  explain: false,
  ...fields,
})
export const did = (user: string, type: string, fields: Partial<BehaviorEvent> = {}): BehaviorEvent => ({
  event_id: `v${ids++}`,
  user_id: user,
  session_id: null,
  decision_id: null,
  item_id: null,
  slot: null,
  type,
  slate_hash: null,
  value: null,
  time_ms: Date.now(),
  ...fields,
})
export const profile = (user: string): UserProfile => ({
  user_id: user,
  text: `all about ${user}`,
  attributes: {},
  time_ms: Date.now(),
})
