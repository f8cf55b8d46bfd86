import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { FeedloopError } from '../errors.ts'
import { showBalance } from '../evaluation/accounting.ts'
import { audit } from '../evaluation/audit.ts'
import type { ServiceContext } from '../operate/context.ts'
import { beatUntil } from '../operate/heartbeats.ts'
import { openOperatorDoor } from '../operate/http.ts'
import { describeAudit } from './audit.ts'
import { atLeast, onBus, withConfig } from './shared.ts'

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
  ).action(({ auditEvery, ...options }: WatchFlags) =>
    onBus(options, async context => {
      if (auditEvery === 0 && context.config.heartbeat.everyMs === 0)
        throw new FeedloopError('CONFIG_INVALID', 'nothing to do: heartbeat.everyMs is 0, and so is --audit-every')
      await watch(context, MINUTE_MS * auditEvery)
    }),
  )
}

async function watch(context: ServiceContext, auditEveryMs: number): Promise<void> {
  const ending = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => ending.abort())
  const door = await openOperatorDoor(context, () => [{ name: 'watch', waitingFor: () => '' }])
  try {
    await Promise.all([
      auditEveryMs > 0 && auditUntil(context, auditEveryMs, ending.signal),
      context.config.heartbeat.everyMs > 0 && beatUntil(context, ending.signal),
    ])
  } finally {
    ending.abort()
    await door.close()
  }
}

/** Differences are shown, and end nothing. */
async function auditUntil(context: ServiceContext, everyMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const report = await audit({ ...context, prefix: context.config.topics.prefix })
    showBalance(context.meter, report, context.now())
    process.stdout.write(`${describeAudit(report)}\n`)
    await sleep(everyMs, undefined, { signal }).catch(() => {})
  }
}
