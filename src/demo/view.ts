/** What `feedloop demo` shows while it runs: pure text from a snapshot of the loop, so that it can be tested. */
import { styleText } from 'node:util'
import type { RewardRates } from './report.ts'

export interface DemoSnapshot {
  readonly title: string
  readonly algorithm: string
  readonly place: string
  readonly elapsedSeconds: number
  readonly totalSeconds: number
  readonly phase: string
  readonly decisions: number
  readonly decisionsPerSecond: number
  readonly events: number
  readonly modelVersion: string
  readonly freshnessMs: { readonly p50: number; readonly p95: number; readonly p99: number }
  /** Mean true reward of what was shown lately, and since the start. */
  readonly recentRate: number
  readonly overallRate: number
  readonly world: Omit<RewardRates, 'policyFirst10pct' | 'policyLast10pct'>
}

const BAR = 40
const bar = (share: number, width = BAR): string => {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}
/** Nothing is known before the first decision. */
const rate = (value: number): string => (Number.isFinite(value) ? value.toFixed(Math.abs(value) < 0.1 ? 4 : 3) : '–')
const percent = (value: number): string => (Number.isFinite(value) ? `${(100 * value).toFixed(0)} %` : '–')
const count = (value: number): string => Math.round(value).toLocaleString('en-GB')
const age = (value: number): string => (Number.isFinite(value) ? `${(value / 1000).toFixed(2)} s` : '–')

/** Share of the way from random to oracle; no number where the world has no way between them. */
export const gapClosed = (value: number, { random, oracle }: { random: number; oracle: number }): number =>
  (value - random) / (oracle - random)

const clip = (text: string, columns: number): string =>
  text.length <= columns ? text : `${text.slice(0, columns - 1)}…`

const versionOf = ({ modelVersion }: DemoSnapshot): string => modelVersion.replace(/^0+/, '') || 'none yet'

/** Where nothing can be drawn over: a line now and then. */
export const plainLine = (now: DemoSnapshot): string =>
  `${now.phase} ${Math.round(now.elapsedSeconds)}/${now.totalSeconds} s: ${now.decisions} decisions by ${now.algorithm}, ` +
  `reward rate lately ${Number.isFinite(now.recentRate) ? now.recentRate.toFixed(4) : 'none yet'}, model ${versionOf(now)}`

/** @param columns width of the terminal: no line is longer, or a redraw would leave pieces behind */
export function renderDemo(now: DemoSnapshot, columns = 80): string {
  const { world } = now
  const rows: [string, number][] = [
    ['policy, lately', now.recentRate],
    ['policy, overall', now.overallRate],
    ['random', world.random],
    ['best fixed', world.bestFixed],
    ['oracle', world.oracle],
  ]
  const known = rows.map(([, value]) => value).filter(Number.isFinite)
  const low = Math.min(0, ...known)
  const high = Math.max(...known)
  const line = ([name, value]: [string, number]): string => {
    const drawn = Number.isFinite(value) ? bar((value - low) / (high - low), 30) : ''
    return `  ${name.padEnd(16)} ${rate(value).padStart(8)}  ${name.startsWith('policy') ? styleText('green', drawn) : drawn}`
  }
  const share = now.elapsedSeconds / now.totalSeconds
  return [
    `${styleText('bold', 'feedloop')}  ${clip(`${now.title}, ${now.algorithm}  on ${now.place}`, columns - 10)}`,
    `${bar(share)}  ${Math.round(now.elapsedSeconds)} s of ${now.totalSeconds} s  ${now.phase}`,
    '',
    clip('reward rate (true expected reward of what was shown)', columns),
    ...rows.map(line),
    `  ${styleText('green', percent(gapClosed(now.recentRate, world)))} of the way from random to oracle`,
    '',
    clip(
      `decisions ${count(now.decisions)} (${count(now.decisionsPerSecond)}/s)   events ${count(now.events)}   model ${versionOf(now)}`,
      columns,
    ),
    clip(
      `freshness, outcome to serving model: p50 ${age(now.freshnessMs.p50)}   p95 ${age(now.freshnessMs.p95)}   p99 ${age(now.freshnessMs.p99)}`,
      columns,
    ),
  ].join('\n')
}
