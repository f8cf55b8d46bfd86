/**
 * The learner service on a backlog of transitions on a real Kafka, as in production: it reads all partitions by the chain's
 * rule, decodes, learns, and publishes a version a second. The rate is what the versions say: transitions contained, over
 * the times at which the steps that published them began, from the second version to the last but one.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { stringify } from 'yaml'
import type { ItemFeatures, ModelVersion, Transition } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { FeedloopError } from '../../src/errors.ts'
import { readChain } from '../../src/evaluation/audit/read.ts'
import type { Log } from '../../src/log/log.ts'
import { findBus } from '../../src/log/open.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { topicName } from '../../src/pipeline.ts'
import { run, stageArgs } from '../join/contestants.ts'
import { chainedLanes, PARTITIONS } from '../join/load.ts'
import { end } from '../join/measure.ts'
import { cpuMsOf, peakMiBOf } from '../join/process.ts'

const PREFIX = `bench-learner-${process.pid}.`
const LIMIT_MS = 300_000
const LOOK_MS = 500

export interface KafkaRun {
  readonly transitions: number
  readonly bytesEach: number
  readonly versions: number
  /** What the last of them says of its step. */
  readonly metrics: Readonly<Record<string, number>>
  readonly perSecond: number
  /** Of the process, start included, a transition. */
  readonly cpuMicros: number
  readonly peakRssMiB: number
}

export interface KafkaLoad {
  readonly transitions: readonly Transition[]
  /** Times that they are told, each time as other sessions. */
  readonly passes: number
  /** Of φ, as in the configuration file. */
  readonly settings: object
  /** For the configuration file. */
  readonly folder: string
  /** Whose vectors the transitions name. */
  readonly items?: readonly ItemFeatures[]
  /** Of Node, for the learner's process. */
  readonly flags?: readonly string[]
}

/** @throws FeedloopError BUS_UNAVAILABLE, DEADLINE_EXCEEDED */
export async function learnFromKafka(told: KafkaLoad): Promise<KafkaRun> {
  const { transitions, passes, settings, folder, items = [] } = told
  const bus = await findBus({ kind: 'kafka', logger: pino({ level: 'silent' }) })
  try {
    const topics = { prefix: PREFIX, partitions: PARTITIONS, policies: 1, replicationFactor: 1 }
    await applyTopics(bus.log, topicSpecs(topics))
    await publish(bus.log, items)
    const bytesEach = await load(bus.log, transitions, passes)
    const file = join(folder, 'learner.yaml')
    writeFileSync(
      file,
      stringify({ ...settings, topics: { prefix: PREFIX, partitions: PARTITIONS }, log: { level: 'warn' } }),
    )
    const environment = { KAFKA_BROKERS: bus.brokers!.join(','), FEEDLOOP_HTTP_PORT: '0' }
    const { child, tail } = run(process.execPath, stageArgs('learner', file, told.flags), environment)
    try {
      const total = transitions.length * passes
      await through(bus.log, () => child.exitCode !== null || child.signalCode !== null, tail)
      const [cpuMs, peakRssMiB] = [cpuMsOf(child.pid!), peakMiBOf(child.pid!)]
      const versions = await versionsOf(bus.log)
      return {
        transitions: total,
        bytesEach: Math.round(bytesEach),
        versions: versions.length,
        metrics: versions[versions.length - 1].metrics,
        perSecond: Math.round(rateOf(versions)),
        cpuMicros: Number(((cpuMs * 1000) / total).toFixed(1)),
        peakRssMiB: Math.round(peakRssMiB),
      }
    } finally {
      await end(child)
    }
  } finally {
    await bus.stop()
  }
}

async function publish(log: Log, items: readonly ItemFeatures[]): Promise<void> {
  if (items.length === 0) return
  const wire = await createWire({ prefix: PREFIX })
  const records = items.map(item => ({
    key: Buffer.from(item.feature_key),
    value: wire.encode('features', item),
    timestampMs: item.time_ms,
  }))
  await log.append(topicName(PREFIX, 'features'), 0, records)
}

/** @returns mean bytes of a value */
async function load(log: Log, transitions: readonly Transition[], passes: number): Promise<number> {
  const wire = await createWire({ prefix: PREFIX })
  const lanes = chainedLanes(log, topicName(PREFIX, 'transitions'))
  let bytes = 0
  for (let pass = 0; pass < passes; pass++)
    for (const transition of transitions) {
      const value = wire.encode('transitions', inPass(transition, pass))
      bytes += value.length
      const key = Buffer.from(transition.user_id)
      // retention goes by the record's time
      await lanes.add(transition.user_id, { key, value, timestampMs: Date.now() })
    }
  await lanes.flush()
  return bytes / (passes * transitions.length)
}

/** The same in sessions and decisions of the pass: each id, or what follows a decision would not be found by the id that names it. */
export function inPass(transition: Transition, pass: number): Transition {
  const of = <Id extends string | null>(id: Id) => (id === null ? id : `${pass}/${id}`) as Id
  return {
    ...transition,
    transition_id: of(transition.transition_id),
    decision_id: of(transition.decision_id),
    session_id: of(transition.session_id),
    next_decision_id: of(transition.next_decision_id),
  }
}

/** Until the group has committed the end of every partition. */
async function through(log: Log, ended: () => boolean, tail: () => string): Promise<void> {
  const topic = topicName(PREFIX, 'transitions')
  const ends = await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => log.ends(topic, partition)))
  const all = ends.reduce((sum, { latest }) => sum + latest, 0)
  for (const deadline = Date.now() + LIMIT_MS; Date.now() < deadline; await sleep(LOOK_MS)) {
    if (ended()) throw new Error(`the learner ended:\n${tail()}`)
    const committed = await log.committed(`${PREFIX}learner`, topic)
    if (committed.reduce((sum, { offset }) => sum + offset, 0) >= all) return
  }
  throw new FeedloopError('DEADLINE_EXCEEDED', tail())
}

async function versionsOf(log: Log): Promise<ModelVersion[]> {
  const wire = await createWire({ prefix: PREFIX })
  const versions: ModelVersion[] = []
  await readChain({ log, wire, config: parseConfig({}), prefix: PREFIX }, 'models', 0, ({ value }) => {
    if (value) versions.push(wire.decode('models', value) as ModelVersion)
  })
  return versions
}

/** A version's tick is when the step began that published it, which is in both: on a backlog steps are alike. After the last the learner
 * may have had nothing to do. */
function rateOf(versions: readonly ModelVersion[]): number {
  const [, from] = versions
  const to = versions[versions.length - 2]
  return ((to.transitions - from.transitions) * 1000) / (to.created_ms - from.created_ms)
}
