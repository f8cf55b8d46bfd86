/** A loop on a real Kafka whose parts can be disturbed one by one: the line to the broker, a stage's own view of the log, a stage itself. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { type ConfigInput, parseConfig } from '../../../src/config.ts'
import { showBalance } from '../../../src/evaluation/accounting.ts'
import { audit } from '../../../src/evaluation/audit.ts'
import type { RunningGateway } from '../../../src/gateway/service.ts'
import { startLocalBroker } from '../../../src/log/kafka/broker/local.ts'
import { openKafkaLog } from '../../../src/log/kafka/kafka.ts'
import type { Log } from '../../../src/log/log.ts'
import { applyTopics, topicSpecs } from '../../../src/log/topics.ts'
import { createWire } from '../../../src/log/wire/create.ts'
import { createMeter } from '../../../src/metrics.ts'
import type { Running, ServiceContext } from '../../../src/operate/context.ts'
import { beatUntil } from '../../../src/operate/heartbeats.ts'
import { openOperatorDoor } from '../../../src/operate/http.ts'
import { startServices, stopServices } from '../../../src/operate/run.ts'
import { pipeline, type StageName, type TopicName, topicName } from '../../../src/pipeline.ts'
import { type Line, startLine } from '../../log/line.ts'
import { type Crowd, openCrowd, shop } from './crowd.ts'

const AUDIT_EVERY_MS = 5000
const stages = pipeline.map(({ stage }) => stage)

export interface Loop {
  readonly context: ServiceContext
  readonly crowd: Crowd
  readonly line: Line
  readonly brokers: readonly string[]
  /** Of the operator's door. */
  readonly port: number
  gateway(): RunningGateway
  stop(stage: StageName): Promise<void>
  /** @param change laid over its configuration */
  start(stage: StageName, change?: Partial<ServiceContext>): Promise<void>
  /** One more of a stage. @returns what stops it */
  another(stage: StageName, change: Partial<ServiceContext>): Promise<() => Promise<void>>
  /** What a stage asks the log for a topic gets no answer, until the returned function is called. */
  hold(stage: StageName, call: 'append' | 'read', topic: TopicName): () => void
  /** No audit is made any more. */
  endAudits(): Promise<void>
  close(): Promise<void>
}

/** A learner and a gate that go where the data lead, soon. */
const settings = (prefix: string): ConfigInput => ({
  topics: { prefix, partitions: 2 },
  features: { dimensions: 16 },
  step: { progressMs: 200, idleMs: 200 },
  learner: { publishMs: 200, fullEvery: 2 },
  heartbeat: { everyMs: 1000 },
  shedding: { perStep: 50 },
  gate: { holdMs: 3000 },
  http: { host: '127.0.0.1', port: 0 },
  gateway: { host: '127.0.0.1', port: 0 },
  policies: [
    {
      algorithm: 'two-tower',
      explorer: { name: 'softmax' },
      rewards: { click: {} },
      // a learner without restraint
      twoTower: { learningRate: 0.02, entropy: 0, maxImportanceWeight: 10, batchSize: 128 },
    },
  ],
})

/** @throws FeedloopError where Java or Maven is missing */
export async function openLoop(): Promise<Loop> {
  const logger = pino({ level: process.env.FEEDLOOP_DRILL_LOG ?? 'silent' })
  let brokerPort = 0
  const line = await startLine(() => brokerPort)
  const properties = { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${line.port}` }
  const broker = await startLocalBroker({ logger, properties })
  brokerPort = Number(broker.brokers[0]!.split(':')[1])
  const brokers = [`127.0.0.1:${line.port}`]
  const meter = createMeter({ processMetrics: true })
  const log = await openKafkaLog({ brokers, clientId: 'drill', logger, meter })
  const prefix = `d${randomBytes(4).toString('hex')}.`
  const config = parseConfig(settings(prefix))
  await applyTopics(log, topicSpecs({ ...config.topics, policies: config.policies.length }))
  const context: ServiceContext = { config, log, wire: await createWire({ prefix }), meter, logger, now: Date.now }
  const held = new Map<string, Promise<void>>()
  const running = new Map<StageName, Running>()
  const started = async (stage: StageName, change: Partial<ServiceContext>): Promise<Running> => {
    const own = { ...context, ...change }
    const [service] = await startServices({ ...own, log: disturbed(own.log, stage, prefix, held) }, [stage])
    return service!
  }
  const start: Loop['start'] = async (stage, change = {}) => void running.set(stage, await started(stage, change))
  const stop: Loop['stop'] = async stage => {
    await running.get(stage)?.stop()
    running.delete(stage)
  }
  const door = await openOperatorDoor(context, () => [...running.values()])
  await shop(context)
  for (const stage of stages) await start(stage)
  const beats = new AbortController()
  const beating = beatUntil(context, beats.signal)
  const balance = (): Promise<void> =>
    audit({ ...context, prefix })
      .then(report => showBalance(meter, report, Date.now()))
      .catch(() => {})
  const audits = new AbortController()
  const auditing = every(AUDIT_EVERY_MS, balance, audits.signal)
  const crowd = openCrowd(context)
  return {
    context,
    crowd,
    line,
    brokers,
    port: door.port,
    gateway: () => running.get('gateway') as RunningGateway,
    stop,
    start,
    async another(stage, change) {
      const service = await started(stage, change)
      return () => service.stop()
    },
    hold(stage, call, topic) {
      const { promise, resolve } = Promise.withResolvers<void>()
      held.set(`${stage} ${call} ${topic}`, promise)
      return () => {
        held.delete(`${stage} ${call} ${topic}`)
        resolve()
      }
    },
    endAudits() {
      audits.abort()
      return auditing
    },
    async close() {
      audits.abort()
      beats.abort()
      await line.set('open')
      await Promise.all([beating, auditing, crowd.close()])
      await stopServices([...running.values()]).catch(() => {})
      await door.close()
      await log.close()
      await line.close()
      await broker.stop()
    },
  }
}

/** One after the other, with a pause between. */
async function every(pauseMs: number, task: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await task()
    await sleep(pauseMs, undefined, { signal }).catch(() => {})
  }
}

/** A stage's own view of the log. */
function disturbed(log: Log, stage: StageName, prefix: string, held: ReadonlyMap<string, Promise<void>>): Log {
  const passed = (call: 'append' | 'read', topic: string) =>
    [...held].find(
      ([name]) => topicName(prefix, name.split(' ')[2] as TopicName) === topic && name.startsWith(`${stage} ${call} `),
    )?.[1]
  return {
    ...log,
    async append(topic, ...rest) {
      await passed('append', topic)
      return log.append(topic, ...rest)
    },
    async read(topic, ...rest) {
      await passed('read', topic)
      return log.read(topic, ...rest)
    },
  }
}
