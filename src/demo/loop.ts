/**
 * The whole loop in one process, driven by an environment: what `feedloop demo`, the loop benchmark and the whole-loop
 * tests run. The same services as in production; only the people are simulated.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ModelVersion, Release } from '../../schemas/records.ts'
import { type Config, type ConfigInput, parseConfig } from '../config.ts'
import { type Drive, startDrive } from '../environments/drive.ts'
import type { Environment } from '../environments/environment.ts'
import { publishWorld } from '../environments/publish.ts'
import { FeedloopError } from '../errors.ts'
import { audit } from '../evaluation/audit.ts'
import { steadyNow } from '../log/chain/steady.ts'
import { findBus } from '../log/open.ts'
import { applyTopics, topicSpecs } from '../log/topics.ts'
import { createWire } from '../log/wire/create.ts'
import { createMeter } from '../metrics.ts'
import { createFreshnessTracker } from '../models/freshness.ts'
import { follow } from '../operate/broadcast.ts'
import { createLogger, type Running, type ServiceContext } from '../operate/context.ts'
import { startServices, stopServices } from '../operate/run.ts'
import { settle } from '../operate/settle.ts'
import type { StageName } from '../pipeline.ts'
import { merge } from './merge.ts'
import { countOutcomes, type LoopReport, quantiles } from './report.ts'

export interface LoopOptions {
  readonly environment: Environment
  readonly bus: 'auto' | 'kafka' | 'embedded'
  /** Traffic runs this long; starting and settling come on top. */
  readonly seconds: number
  readonly seed: number
  /** Laid over the environment's preset. */
  readonly config?: ConfigInput
  /** Concurrent simulated people. Default 256. */
  readonly sessions?: number
  readonly progress?: (state: LoopProgress) => void
  /** Told where the log is, and why there, before anything else is done. */
  readonly onPlace?: (place: string) => void
  /** Looks at the topics once everything is settled. */
  readonly settled?: (context: ServiceContext) => Promise<void>
}

/** What a view may look at while the loop runs. */
export interface LoopProgress {
  readonly phase: 'starting' | 'live' | 'settling' | 'auditing'
  readonly place: string
  readonly algorithm: string
  readonly elapsedSeconds: number
  readonly drive: Drive | undefined
  readonly modelVersion: string
  readonly agesMs: readonly number[]
}

const STAGES: readonly StageName[] = ['features', 'ranker', 'joiner', 'learner', 'gate']
const LOOK_MS = 250
const READY_MS = 60_000
const SETTLE_MS = 90_000

export async function runLoop(options: LoopOptions): Promise<LoopReport> {
  const config = loopConfig(options)
  const logger = createLogger(config.log.level)
  const bus = await findBus({ kind: options.bus, logger })
  options.onPlace?.(bus.place)
  const { prefix } = config.topics
  const wire = await createWire({ registry: config.registry, prefix })
  const context: ServiceContext = { config, log: bus.log, wire, meter: createMeter(), logger, now: steadyNow }
  let running: readonly Running[] = []
  try {
    await applyTopics(bus.log, topicSpecs({ ...config.topics, policies: config.policies.length }))
    await publishWorld({ environment: options.environment, log: bus.log, wire, prefix })
    running = await startServices(context, STAGES)
    return await untilFailure(running, signal => drive(context, running, { ...options, place: bus.place, signal }))
  } finally {
    await stopServices(running).catch(error => logger.warn({ error: String(error) }, 'stop failed'))
    await bus.stop()
  }
}

/** Does `work` beside services. Its signal aborts when one of them fails, with which this then rejects. */
export async function untilFailure<T>(
  running: readonly Pick<Running, 'done'>[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const failure = new AbortController()
  for (const { done } of running) done.catch(error => failure.abort(error))
  try {
    return await work(failure.signal)
  } catch (error) {
    throw failure.signal.aborted ? failure.signal.reason : error
  }
}

/** The environment's preset, under the caller's settings, under what a single machine needs. */
function loopConfig({ environment, config }: LoopOptions): Config {
  const base: ConfigInput = {
    topics: { prefix: `loop-${randomBytes(4).toString('hex')}.`, partitions: 2 },
    step: { progressMs: 1000 },
    log: { level: 'warn' },
  }
  return parseConfig(merge(merge(base, environment.preset), config ?? {}))
}

async function drive(
  context: ServiceContext,
  running: readonly Running[],
  options: LoopOptions & { place: string; signal: AbortSignal },
): Promise<LoopReport> {
  const { config, log, wire } = context
  const { signal } = options
  const { algorithm } = config.policies[0]
  // γ is by decisions, a second apart; then event time is ahead of the clock, and no age can be told by it
  const { discount, inEventTime } = options.environment
  const stepMs = inEventTime || discount !== undefined ? 1000 : undefined
  const freshness = followFreshness(context, stepMs === undefined)
  let traffic: Drive | undefined
  let phase: LoopProgress['phase'] = 'starting'
  let startedMs = Date.now()
  const tell = (): void =>
    options.progress?.({
      phase,
      place: options.place,
      algorithm,
      elapsedSeconds: phase === 'starting' ? 0 : Math.min(options.seconds, (Date.now() - startedMs) / 1000),
      drive: traffic,
      modelVersion: freshness.modelVersion(),
      agesMs: freshness.agesMs,
    })
  const timer = setInterval(tell, LOOK_MS)
  try {
    await settle(context, ['features'], READY_MS, signal)
    await untilReady(running, signal)
    startedMs = Date.now()
    phase = 'live'
    traffic = await startDrive({
      environment: options.environment,
      log,
      wire,
      prefix: config.topics.prefix,
      seed: options.seed,
      sessions: options.sessions,
      stepMs,
    })
    await Promise.race([sleep(options.seconds * 1000, undefined, { signal }), traffic.done])
    const seconds = (Date.now() - startedMs) / 1000
    phase = 'settling'
    await traffic.stop()
    await settle(context, ['ranker', 'joiner', 'learner', 'gate'], SETTLE_MS, signal)
    await options.settled?.(context)
    phase = 'auditing'
    const accounts = await audit({ log, wire, config, prefix: config.topics.prefix })
    tell()
    const stats = traffic.stats()
    const rates = options.environment.rates()
    const returns = options.environment.returns?.()
    return {
      bus: options.place,
      environment: options.environment.name,
      algorithm,
      seconds,
      decisions: stats.decisions,
      events: stats.events,
      transitions: accounts.transitions.total,
      modelVersions: freshness.versions(),
      rewardRate: {
        policyFirst10pct: stats.policyFirst10pct,
        policyLast10pct: stats.policyLast10pct,
        random: rates.random,
        bestFixed: rates.bestFixed,
        oracle: rates.oracle,
        ...(rates.popularity !== undefined && { popularity: rates.popularity }),
      },
      ...(returns && {
        sessionReturn: {
          policyFirst10pct: stats.returnFirst10pct,
          policyLast10pct: stats.returnLast10pct,
          random: returns.random,
          optimum: returns.optimum,
        },
      }),
      outcomes: countOutcomes(stats.outcomes, stats.decisions, config.policies[0].rewards),
      freshnessMs: quantiles(freshness.agesMs),
      latencyMs: stats.latencyMs,
      balance: { decisions: accounts.decisions, outcomes: accounts.outcomes, requests: accounts.requests },
      balanced: accounts.balanced,
      differences: accounts.differences,
    }
  } catch (error) {
    await traffic?.stop(0)
    throw error
  } finally {
    clearInterval(timer)
    await freshness.stop()
  }
}

async function untilReady(running: readonly Running[], signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_MS
  for (;;) {
    signal.throwIfAborted()
    const waiting = running.filter(service => service.waitingFor() !== '')
    if (waiting.length === 0) return
    if (Date.now() > deadline) {
      const list = waiting.map(service => `${service.name}: ${service.waitingFor()}`)
      throw new FeedloopError('DEADLINE_EXCEEDED', `not ready: ${list.join('; ')}`)
    }
    await sleep(20)
  }
}

/** Model versions and, where `aged`, the ages of outcomes when they first served. */
function followFreshness(context: ServiceContext, aged: boolean) {
  const tracker = createFreshnessTracker()
  const agesMs: number[] = []
  let newest = ''
  let versions = 0
  const followers = [
    follow<ModelVersion>(context, 'models', model => {
      versions++
      tracker.putModel(model)
    }),
    follow<Release>(context, 'releases', release => {
      for (const { model_version: version } of release.shares) if (version > newest) newest = version
      const served = tracker.putRelease(release, context.now())
      if (aged) agesMs.push(...served)
    }),
  ]
  return {
    agesMs,
    modelVersion: () => newest,
    versions: () => versions,
    stop: () => Promise.all(followers.map(follower => follower.stop())),
  }
}
