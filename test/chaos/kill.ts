/**
 * kill -9 of one service after another at random moments, under traffic, with one process a stage on a real Kafka; then
 * the audit: every decision and every outcome accounted for, none learned twice, none lost. `npm run test:chaos`.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { type Config, parseConfig } from '../../src/config.ts'
import { merge } from '../../src/demo/merge.ts'
import { startDrive } from '../../src/environments/drive.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { publishWorld } from '../../src/environments/publish.ts'
import { type AuditReport, audit } from '../../src/evaluation/audit.ts'
import { findBus } from '../../src/log/open.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter } from '../../src/metrics.ts'
import { type Child, endChild, startChild } from '../../src/operate/children.ts'
import { createLogger, type ServiceContext } from '../../src/operate/context.ts'
import { settle } from '../../src/operate/settle.ts'
import type { StageName } from '../../src/pipeline.ts'
import { createRandom } from '../../src/state/random.ts'

export interface KillOptions {
  readonly kills: number
  readonly seed: number
  /** Concurrent simulated people. */
  readonly sessions: number
  readonly say: (line: string) => void
}

export interface KillReport {
  readonly bus: string
  readonly kills: readonly { readonly stage: StageName; readonly afterMs: number }[]
  readonly seconds: number
  readonly decisions: number
  readonly unanswered: number
  readonly audit: AuditReport
}

const STAGES: readonly StageName[] = ['features', 'ranker', 'joiner', 'learner', 'gate']
const READY_MS = 90_000
const SETTLE_MS = 180_000
/** People are served this long after the last kill: the loop must have come back, not merely stopped in order. */
const AFTER_MS = 10_000

export async function killRun(options: KillOptions): Promise<KillReport> {
  const environment = openEnvironment('recogym')
  const bus = await findBus({ kind: 'kafka', logger: createLogger('warn') })
  const config = parseConfig(
    merge(environment.preset, {
      kafka: { brokers: bus.brokers },
      topics: { prefix: `kill-${randomBytes(4).toString('hex')}.`, partitions: 2 },
      step: { progressMs: 1000 },
      // A gate that was started anew judges from the next full checkpoint on.
      learner: { fullEvery: 5 },
      log: { level: 'info' },
      http: { host: '127.0.0.1' },
    }),
  )
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-kill-'))
  const file = join(folder, 'feedloop.yaml')
  writeFileSync(file, stringify(merge(config, { state: { folder: join(folder, 'state') } })))
  const context = await contextOf(config, bus.log)
  const children = new Map<StageName, Child>()
  const start = (stage: StageName): void => void children.set(stage, startChild(stage, file, process.env))
  try {
    await applyTopics(bus.log, topicSpecs({ ...config.topics, policies: config.policies.length }))
    const world = { environment, log: bus.log, wire: context.wire, prefix: config.topics.prefix }
    await publishWorld(world)
    STAGES.forEach(start)
    await Promise.all([...children.values()].map(child => child.ready(READY_MS)))
    options.say(`all services ready on ${bus.place}`)
    const startedMs = Date.now()
    const traffic = await startDrive({ ...world, seed: options.seed, sessions: options.sessions, answerMs: 60_000 })
    const kills = await killAtRandom(options, children, start)
    await Promise.all([...children.values()].map(child => child.ready(READY_MS)))
    options.say(`${kills.length} kills; ten more seconds of traffic`)
    await sleep(AFTER_MS)
    await traffic.stop(60_000)
    await settle(context, ['ranker', 'joiner', 'learner', 'gate'], SETTLE_MS)
    const { decisions, unanswered } = traffic.stats()
    const report = await audit({ ...context, prefix: config.topics.prefix })
    const seconds = (Date.now() - startedMs) / 1000
    return { bus: bus.place, kills, seconds, decisions, unanswered, audit: report }
  } finally {
    await Promise.all([...children.values()].map(child => endChild(child, 'SIGTERM')))
    await bus.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function killAtRandom(
  { kills, seed, say }: KillOptions,
  children: ReadonlyMap<StageName, Child>,
  start: (stage: StageName) => void,
): Promise<KillReport['kills']> {
  const random = createRandom(seed)
  const done: { stage: StageName; afterMs: number }[] = []
  while (done.length < kills) {
    const stage = STAGES[Math.floor(random.uniform() * STAGES.length)]
    const afterMs = 500 + Math.floor(random.uniform() * 5500)
    await sleep(afterMs)
    const child = children.get(stage)!
    await endChild(child, 'SIGKILL')
    start(stage)
    // One that had ended by itself was not killed.
    if (child.process.signalCode !== 'SIGKILL') continue
    done.push({ stage, afterMs })
    say(`kill ${done.length}/${kills}: ${stage}`)
  }
  return done
}

const contextOf = async (config: Config, log: ServiceContext['log']): Promise<ServiceContext> => ({
  config,
  log,
  wire: await createWire({ prefix: config.topics.prefix }),
  meter: createMeter(),
  logger: createLogger('warn'),
  now: Date.now,
})
