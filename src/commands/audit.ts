import type { Command } from 'commander'
import { FeedloopError } from '../errors.ts'
import { type AuditReport, audit } from '../evaluation/audit.ts'
import { onBus, oneLine, printJson, withConfig } from './shared.ts'

interface AuditFlags {
  readonly config?: string
  readonly json?: boolean
}

export function addAudit(program: Command): void {
  withConfig(
    program
      .command('audit')
      .description('recompute the balance of decisions and outcomes from the topics; exit 1 on any difference')
      .option('--json', 'print one JSON object instead of the summary'),
  ).action((options: AuditFlags) =>
    onBus(options, async context => {
      const report = await audit({ ...context, prefix: context.config.topics.prefix })
      if (options.json) printJson(report)
      else process.stdout.write(`${describeAudit(report)}\n`)
      if (!report.balanced) throw new FeedloopError('BALANCE_BROKEN', `${report.found} differences, listed above`)
    }),
  )
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
