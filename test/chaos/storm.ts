/**
 * Everything at once on a real cluster: three brokers, a process a stage and two of those that share out partitions, and
 * faults.ts at work while people are served. Then all is healed and settles, and the audit must balance to the last
 * decision: each decided once, each outcome accounted for, and the learner has learned exactly the set that was logged.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { type Config, parseConfig } from '../../src/config.ts'
import { merge } from '../../src/demo/merge.ts'
import { type Drive, startDrive } from '../../src/environments/drive.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { publishWorld } from '../../src/environments/publish.ts'
import { readChain } from '../../src/evaluation/audit/read.ts'
import { type AuditReport, audit } from '../../src/evaluation/audit.ts'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter } from '../../src/metrics.ts'
import { createLogger, type ServiceContext } from '../../src/operate/context.ts'
import { settle } from '../../src/operate/settle.ts'
import { type StageName, topics } from '../../src/pipeline.ts'
import { startCluster } from './cluster.ts'
import { type Fault, type FaultKind, faultKinds, runFaults } from './faults.ts'
import { type Ended, startFleet } from './fleet.ts'

export interface StormOptions {
  readonly minutes: number
  readonly seed: number
  /** Concurrent simulated people. */
  readonly sessions: number
  readonly say: (line: string) => void
}

export interface StormReport {
  readonly seed: number
  /** Traffic, faults, healing and settling. */
  readonly seconds: number
  readonly decisions: number
  /** Of them, in the ten seconds after the last fault. */
  readonly decisionsAfter: number
  readonly unanswered: number
  /** Those that did what they say. */
  readonly faults: Readonly<Record<FaultKind, number>>
  /** Services that ended by themselves: a supervisor started them anew. */
  readonly ended: readonly Ended[]
  /** Stretches of more than a second without any decision, and the longest with its beginning on the faults' clock. */
  readonly stalls: { readonly count: number; readonly longestMs: number; readonly longestFromMs: number }
  /** Rivals' and repeated batches that readers skip, by topic. */
  readonly skippedBatches: Readonly<Record<string, number>>
  /** Accepted transition records, and those that the newest model has learned. */
  readonly logged: number
  readonly learned: number
  readonly audit: AuditReport
}

const STAGES: readonly StageName[] = ['features', 'ranker', 'ranker', 'joiner', 'joiner', 'learner', 'gate']
const SETTLED: readonly StageName[] = ['ranker', 'joiner', 'learner', 'gate']
const READY_MS = 120_000
const SETTLE_MS = 180_000
const PARTITIONS = 4
/** A gate that was started anew judges from the next full checkpoint on. */
const FULL_EVERY = 5
/** People are served this long after the last fault: the loop must have come back, not merely stopped in order. */
const AFTER_MS = 10_000

export async function stormRun(options: StormOptions): Promise<StormReport> {
  const { say, seed } = options
  const logger = createLogger('warn')
  const cluster = await startCluster(logger)
  const environment = openEnvironment('recogym')
  const config = parseConfig(
    merge(environment.preset, {
      kafka: { brokers: cluster.brokers },
      topics: { prefix: 'storm.', partitions: PARTITIONS, replicationFactor: 3, minInsyncReplicas: 2 },
      step: { progressMs: 1000 },
      learner: { fullEvery: FULL_EVERY },
      log: { level: 'info' },
      http: { host: '127.0.0.1' },
    }),
  )
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-storm-'))
  const configFile = (index: number): string => {
    const file = join(folder, `${index}.yaml`)
    writeFileSync(file, stringify(merge(config, { state: { folder: join(folder, `state-${index}`) } })))
    return file
  }
  const log = await openKafkaLog({ brokers: cluster.brokers, clientId: 'storm', logger })
  const { KAFKA_BROKERS: _, ...env } = process.env
  let fleet: ReturnType<typeof startFleet> | undefined
  try {
    const context = await contextOf(config, log)
    await applyTopics(log, topicSpecs({ ...config.topics, policies: config.policies.length }))
    const world = { environment, log, wire: context.wire, prefix: config.topics.prefix }
    await publishWorld(world)
    fleet = startFleet(STAGES, configFile, env)
    await fleet.ready(READY_MS)
    say(`all services ready on ${cluster.brokers.join(', ')}`)
    const startedMs = Date.now()
    const traffic = await startDrive({ ...world, seed, sessions: options.sessions, answerMs: 60_000 })
    const stalls = watchStalls(traffic)
    const faults = await runFaults({ ...options, fleet, cluster, seconds: options.minutes * 60 })
    await fleet.ready(READY_MS)
    say(`${faults.length} faults; all healed`)
    const healedAt = traffic.stats().decisions
    await sleep(AFTER_MS)
    const served = traffic.stats().decisions - healedAt
    say(`${served} decisions since; stopping the traffic`)
    await traffic.stop(60_000)
    const stalled = stalls.stop()
    await settle(context, SETTLED, SETTLE_MS).catch(async error => {
      throw new Error(`${error.message}\n${await fleet!.state()}`, { cause: error })
    })
    const seconds = (Date.now() - startedMs) / 1000
    say(`settled after ${seconds.toFixed(0)} s; auditing`)
    const source = { ...context, prefix: config.topics.prefix }
    const report = await audit(source)
    const { decisions, unanswered } = traffic.stats()
    return {
      seed,
      seconds,
      decisions,
      decisionsAfter: served,
      unanswered,
      faults: countKinds(faults),
      ended: fleet.ended,
      stalls: stalled,
      skippedBatches: await countSkipped(source),
      logged: report.transitions.revisions,
      learned: report.model.transitionsCounted,
      audit: report,
    }
  } finally {
    await fleet?.stop()
    await log.close()
    await cluster.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a run must come to. */
export const isSound = ({ audit, logged, learned, decisionsAfter, faults }: StormReport): boolean =>
  audit.balanced && logged === learned && decisionsAfter > 0 && faultKinds.every(kind => faults[kind] > 0)

const countKinds = (faults: readonly Fault[]): StormReport['faults'] =>
  Object.fromEntries(
    faultKinds.map(kind => [kind, faults.filter(each => each.kind === kind && each.happened).length]),
  ) as StormReport['faults']

async function countSkipped(source: Parameters<typeof readChain>[0]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const [name, { chained, partitions }] of Object.entries(topics)) {
    if (!chained) continue
    counts[name] = 0
    for (let partition = 0; partition < (partitions === 'users' ? PARTITIONS : 1); partition++)
      counts[name] += (await readChain(source, name as 'transitions', partition, () => {})).skippedBatches
  }
  return counts
}

const LOOK_MS = 100
const STALL_MS = 1000

function watchStalls(traffic: Drive): { stop(): StormReport['stalls'] } {
  const startedMs = Date.now()
  let [last, lastMs, count, longestMs, longestFromMs] = [0, startedMs, 0, 0, 0]
  const look = (): void => {
    const { decisions } = traffic.stats()
    const silentMs = Date.now() - lastMs
    if (decisions === last) return
    if (silentMs > STALL_MS) count++
    if (silentMs > longestMs) {
      longestMs = silentMs
      longestFromMs = lastMs - startedMs
    }
    last = decisions
    lastMs = Date.now()
  }
  const timer = setInterval(look, LOOK_MS)
  return {
    stop() {
      clearInterval(timer)
      return { count, longestMs, longestFromMs }
    },
  }
}

const contextOf = async (config: Config, log: ServiceContext['log']): Promise<ServiceContext> => ({
  config,
  log,
  wire: await createWire({ prefix: config.topics.prefix }),
  meter: createMeter(),
  logger: createLogger('warn'),
  now: Date.now,
})
