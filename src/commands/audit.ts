import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { FeedloopError } from '../errors.ts'
import { showBalance } from '../evaluation/accounting.ts'
import { type AuditReport, audit } from '../evaluation/audit.ts'
import type { ServiceContext } from '../operate/context.ts'
import { openOperatorDoor } from '../operate/http.ts'
import { atLeast, onBus, oneLine, printJson, withConfig } from './shared.ts'

interface AuditFlags {
  readonly config?: string
  readonly json?: boolean
  readonly every?: number
}

export function addAudit(program: Command): void {
  withConfig(
    program
      .command('audit')
      .description('recompute the balance of decisions and outcomes from the topics; exit 1 on any difference')
      .option('--json', 'print one JSON object instead of the summary')
      .option(
        '--every <minutes>',
        'audit again and again until SIGTERM, and show the balance at /metrics of http.port; differences do not end it',
        atLeast(0, 'any'),
      ),
  ).action((options: AuditFlags) =>
    onBus(options, async context => {
      if (options.every !== undefined) return auditOften(context, options, MINUTE_MS * options.every)
      const report = await auditOnce(context, options)
      if (!report.balanced) throw new FeedloopError('BALANCE_BROKEN', `${report.found} differences, listed above`)
    }),
  )
}

const MINUTE_MS = 60_000

async function auditOnce(context: ServiceContext, { json }: AuditFlags): Promise<AuditReport> {
  const report = await audit({ ...context, prefix: context.config.topics.prefix })
  if (json) printJson(report)
  else process.stdout.write(`${describeAudit(report)}\n`)
  showBalance(context.meter, report, context.now())
  return report
}

async function auditOften(context: ServiceContext, options: AuditFlags, pauseMs: number): Promise<void> {
  const signal = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => signal.abort())
  let waitingFor = 'the first audit'
  const door = await openOperatorDoor(context, () => [{ name: 'audit', waitingFor: () => waitingFor }])
  try {
    while (!signal.signal.aborted) {
      await auditOnce(context, options)
      waitingFor = ''
      await sleep(pauseMs, undefined, { signal: signal.signal }).catch(() => {})
    }
  } finally {
    await door.close()
  }
}

/** A line for each account, a line for each difference, and the verdict. */
export function describeAudit({ balanced, differences, found, ...accounts }: AuditReport): string {
  return [
    ...Object.entries(accounts).map(([name, counts]) => describeAccount(name, counts)),
    ...differences.map(({ what, id, expected, found }) =>
      oneLine(`${what}  ${id}: expected ${expected}, found ${found}`),
    ),
    balanced ? 'Every decision and every outcome is accounted for.' : `NOT BALANCED: ${found} differences.`,
  ].join('\n')
}

/** `decisions  1,204: 800 learned with reward, 404 open` */
function describeAccount(name: string, { total, ...counts }: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([fate, count]) => `${said(count)} ${fate.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)}`)
  const figures = [...(total === undefined ? [] : [said(total)]), ...(parts.length > 0 ? [parts.join(', ')] : [])]
  return `${name.padEnd(12)} ${figures.join(': ') || 'none'}`
}

const said = (count: number): string => count.toLocaleString('en-GB')
