/** What a run of the loop ends with: the JSON of `feedloop demo --json`, and its summary for people. */
import type { AuditReport } from '../evaluation/audit.ts'
import { gapClosed } from './view.ts'

export interface RewardRates {
  readonly policyFirst10pct: number
  readonly policyLast10pct: number
  readonly random: number
  readonly bestFixed: number
  readonly oracle: number
  /** Of the world's most popular item, where the world has one that is not the best fixed. */
  readonly popularity?: number
}

export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export interface LoopReport {
  readonly bus: string
  readonly environment: string
  readonly algorithm: string
  readonly seconds: number
  readonly decisions: number
  readonly events: number
  readonly transitions: number
  readonly modelVersions: number
  readonly rewardRate: RewardRates
  /** Outcome to the release of the first model that contains it, ms. */
  readonly freshnessMs: Quantiles
  /** Request sent to accepted decision read, ms. */
  readonly latencyMs: Quantiles
  readonly balance: Pick<AuditReport, 'decisions' | 'outcomes' | 'requests'>
  readonly balanced: boolean
  readonly differences: AuditReport['differences']
}

/** The q-quantile of unsorted values (nearest rank); NaN of none. */
export function quantiles(values: readonly number[]): Quantiles {
  const sorted = Float64Array.from(values).sort()
  const at = (q: number): number => (sorted.length === 0 ? Number.NaN : sorted[Math.ceil(q * sorted.length) - 1])
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

export function summarise(report: LoopReport): string {
  const { rewardRate: rates } = report
  const figure = (value: number): string => (Math.abs(value) < 0.1 ? value.toFixed(4) : value.toFixed(3))
  return [
    `${report.decisions.toLocaleString('en-GB')} decisions in ${report.seconds.toFixed(0)} s, ${report.modelVersions} model versions,`,
    `on ${report.bus}.`,
    `Reward rate: first tenth ${figure(rates.policyFirst10pct)}, last tenth ${figure(rates.policyLast10pct)}:` +
      ` ${(100 * gapClosed(rates.policyLast10pct, rates)).toFixed(0)} % of the way from random to oracle`,
    `(random ${figure(rates.random)}, best fixed ${figure(rates.bestFixed)}, oracle ${figure(rates.oracle)}).`,
    `An outcome was in the serving model after ${(report.freshnessMs.p50 / 1000).toFixed(2)} s (median), ${(report.freshnessMs.p99 / 1000).toFixed(2)} s (p99).`,
    report.balanced
      ? 'Every decision and every outcome is accounted for.'
      : `NOT BALANCED: ${report.differences.length} differences.`,
  ].join('\n')
}
