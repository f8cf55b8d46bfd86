import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Config } from '../config.ts'
import { FeedloopError, isRetryable } from '../errors.ts'
import { showBalance } from '../evaluation/accounting.ts'
import { audit } from '../evaluation/audit.ts'
import { steadyNow } from '../log/chain/steady.ts'
import type { Log } from '../log/log.ts'
import { createMeter } from '../metrics.ts'
import { createLogger, type ServiceContext } from '../operate/context.ts'
import { beatUntil, tellReturn } from '../operate/heartbeats.ts'
import { type Awaited, openOperatorDoor } from '../operate/http.ts'
import { describeAudit } from './audit.ts'
import { fatal, insist, untilSignal } from './service.ts'
import { atLeast, configOf, kafkaOf, wireOf, withConfig } from './shared.ts'

interface WatchFlags {
  readonly config?: string
  readonly auditEvery: number
}

const MINUTE_MS = 60_000

export function addWatch(program: Command): void {
  withConfig(
    program
      .command('watch')
      .description('send heartbeats and audit again and again, shown at /metrics of http.port, until SIGTERM')
      .option('--audit-every <minutes>', 'from the end of one audit to the next; 0: none', atLeast(0, 'any'), 60),
  ).action(async (flags: WatchFlags) => {
    const code = await watch(flags).catch(fatal)
    // Who was asked to stop while it tried to connect is still trying.
    process.exit(code)
  })
}

/** Runs until the signal. @returns 0 @throws what ended it */
async function watch({ auditEvery, ...options }: WatchFlags): Promise<0> {
  const ending = new AbortController()
  const signal = untilSignal().then(() => ending.abort())
  const config = configOf(options)
  if (auditEvery === 0 && config.heartbeat.everyMs === 0)
    throw new FeedloopError('CONFIG_INVALID', 'nothing to do: heartbeat.everyMs is 0, and so is --audit-every')
  const logger = createLogger(config.log.level)
  const meter = createMeter({ processMetrics: true })
  const connect = await kafkaOf(config, logger, meter)
  const base = { config, logger, meter, now: steadyNow }
  const shown: { awaited: readonly Awaited[] } = { awaited: [] }
  const door = await openOperatorDoor(base, () => shown.awaited)
  logger.info({ port: door.port, brokers: config.kafka.brokers }, describeWatch(config, auditEvery))
  let log: Log | undefined
  const start = async (): Promise<ServiceContext> => {
    log = await insist('brokers', connect, logger, shown)
    const wire = await insist('registry', () => wireOf(config), logger, shown)
    shown.awaited = [{ name: 'watch', waitingFor: () => '' }]
    return { ...base, log, wire }
  }
  try {
    const context = await Promise.race([start(), signal])
    if (context)
      await Promise.all([
        auditEvery > 0 && auditUntil(context, MINUTE_MS * auditEvery, ending.signal),
        config.heartbeat.everyMs > 0 &&
          Promise.all([beatUntil(context, ending.signal), tellOrWarn(context, ending.signal)]),
      ])
    return 0
  } finally {
    ending.abort()
    await door.close()
    await log?.close()
  }
}

/** What is to be expected, and what is not. */
export function describeWatch({ heartbeat: { everyMs } }: Pick<Config, 'heartbeat'>, auditEvery: number): string {
  const beats =
    everyMs > 0
      ? `a heartbeat to each partition every ${everyMs / 1000} s`
      : 'no heartbeats, for heartbeat.everyMs is 0 (above 0, it must be so for all services)'
  const audits =
    auditEvery > 0 ? `an audit now and every ${auditEvery} min after it` : 'no audits, for --audit-every is 0'
  return `watching: ${beats}; ${audits}`
}

/** Whether beats come back is only told: whatever ends this ends no watch. */
const tellOrWarn = (context: ServiceContext, signal: AbortSignal): Promise<void> =>
  tellReturn(context, signal).catch(error =>
    context.logger.warn({ error: String(error) }, 'it is not known whether heartbeats come back'),
  )

/** Differences are shown, and end nothing; neither does a log that is away. @throws FeedloopError of a kind that no other try mends */
export async function auditUntil(context: ServiceContext, everyMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const done = await auditOnce(context)
    await sleep(done ? everyMs : Math.min(everyMs, MINUTE_MS), undefined, { signal }).catch(() => {})
  }
}

/** @returns whether there was an answer */
async function auditOnce(context: ServiceContext): Promise<boolean> {
  try {
    const report = await audit({ ...context, prefix: context.config.topics.prefix })
    showBalance(context.meter, report, context.now())
    process.stdout.write(`${describeAudit(report)}\n`)
    return true
  } catch (error) {
    if (!isRetryable(error)) throw error
    context.logger.warn({ code: (error as FeedloopError).code }, `${(error as Error).message}; not audited`)
    return false
  }
}
