/** The balance of the last audit, as metrics. */
import type { Meter } from '../metrics.ts'
import type { AuditReport } from './audit.ts'

/** @param endedMs when the audit ended, ms since the epoch */
export function showBalance(meter: Meter, report: AuditReport, endedMs: number): void {
  const { balanced: _, differences: __, found, ...accounts } = report
  meter.set('feedloop_accounting_differences', {}, found)
  meter.set('feedloop_accounting_timestamp_seconds', {}, endedMs / 1000)
  for (const [account, { ...counts }] of Object.entries(accounts))
    for (const [fate, count] of Object.entries(counts))
      meter.set(
        'feedloop_accounting_records',
        { account, fate: fate.replace(/[A-Z]/g, each => `_${each.toLowerCase()}`) },
        count,
      )
}
