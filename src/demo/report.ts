/** What a run of the loop ends with: the JSON of `feedloop demo --json`, and its summary for people. */
import type { PolicyConfig } from '../config.ts'
import { type Returns, shareOfReturn } from '../environments/environment.ts'
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

/** Of sessions, where decisions have consequences beyond the next reward. */
export interface SessionReturns extends Pick<Returns, 'random' | 'optimum'> {
  /** Mean of those that ended in the first and in the last tenth of the decisions; NaN where none did. */
  readonly policyFirst10pct: number
  readonly policyLast10pct: number
}

export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export interface OutcomeCount {
  readonly count: number
  readonly perDecision: number
  readonly guard: boolean
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
  /** Absent where the world tells no returns. */
  readonly sessionReturn?: SessionReturns
  /** What people did about what was shown, by event type. Guards are what the policy is to avoid: types whose weight is
   * negative or that cancel another. They are counted whatever the reward makes of them. */
  readonly outcomes: Readonly<Record<string, OutcomeCount>>
  /** Outcome to the release of the first model that contains it, ms; NaN without any, and where event time is simulated. */
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

/** @param rewards of the policy that decided */
export function countOutcomes(
  counts: Readonly<Record<string, number>>,
  decisions: number,
  rewards: PolicyConfig['rewards'],
): Record<string, OutcomeCount> {
  const isGuard = (type: string): boolean =>
    rewards[type] !== undefined && (rewards[type].weight < 0 || rewards[type].cancels !== undefined)
  const guards = Object.keys(rewards).filter(isGuard)
  const types = [...new Set([...Object.keys(counts), ...guards])].sort()
  return Object.fromEntries(
    types.map(type => {
      const count = counts[type] ?? 0
      return [type, { count, perDecision: decisions > 0 ? count / decisions : 0, guard: isGuard(type) }]
    }),
  )
}

function sayOutcomes(outcomes: LoopReport['outcomes']): string {
  const list = (guard: boolean): string =>
    Object.entries(outcomes)
      .filter(([, each]) => each.guard === guard)
      .map(([type, { perDecision }]) => `${type} ${perDecision.toFixed(4)}`)
      .join(', ')
  const guards = list(true)
  return `Outcomes a decision: ${list(false) || 'none'}.${guards && `\nGuards a decision: ${guards}.`}`
}

const sayWay = (share: number, end: string): string =>
  Number.isFinite(share) ? `: ${(100 * share).toFixed(0)} % of the way from random to ${end}` : ''

const figure = (value: number): string => (Math.abs(value) < 0.1 ? value.toFixed(4) : value.toFixed(3))

/** Nothing where all that can be shown earns the same. */
const sayRates = (rates: RewardRates): string[] =>
  rates.oracle === rates.random
    ? []
    : [
        `Reward rate: first tenth ${figure(rates.policyFirst10pct)}, last tenth ${figure(rates.policyLast10pct)}${sayWay(gapClosed(rates.policyLast10pct, rates), 'oracle')}`,
        `(random ${figure(rates.random)}, best fixed ${figure(rates.bestFixed)}, oracle ${figure(rates.oracle)}).`,
      ]

/** Long sessions may outlast the demo, so what ended is less than what they would come to. */
function sayReturns(returns: SessionReturns): string[] {
  const { policyFirst10pct, policyLast10pct, random, optimum } = returns
  const ended = (value: number): string => (Number.isFinite(value) ? value.toFixed(2) : 'none')
  return [
    `Mean return of sessions that ended: first tenth ${ended(policyFirst10pct)}, last tenth ${ended(policyLast10pct)}${sayWay(shareOfReturn(policyLast10pct, returns), 'optimum')}`,
    `(random ${random.toFixed(2)}, optimum ${optimum.toFixed(2)}).`,
  ]
}

const sayFreshness = ({ p50, p99 }: Quantiles): string[] =>
  Number.isFinite(p50)
    ? [
        `An outcome was in the serving model after ${(p50 / 1000).toFixed(2)} s (median), ${(p99 / 1000).toFixed(2)} s (p99).`,
      ]
    : []

export function summarise(report: LoopReport): string {
  return [
    `${report.decisions.toLocaleString('en-GB')} decisions in ${report.seconds.toFixed(0)} s, ${report.modelVersions} model versions of ${report.algorithm},`,
    `on ${report.bus}.`,
    ...sayRates(report.rewardRate),
    ...(report.sessionReturn ? sayReturns(report.sessionReturn) : []),
    sayOutcomes(report.outcomes),
    ...sayFreshness(report.freshnessMs),
    report.balanced
      ? 'Every decision and every outcome is accounted for.'
      : `NOT BALANCED: ${report.differences.length} differences.`,
  ].join('\n')
}
