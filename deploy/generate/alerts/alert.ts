/** An alert, and the pieces of PromQL that they share. Metric names are typed by the metric table, so a renamed metric cannot
 * leave a rule behind that never fires. */
import { type MetricName, secondsBuckets } from '../../../src/metric-table.ts'

/** What an installation may set otherwise (`monitoring.prometheusRule.thresholds` of the chart). */
export const thresholds = {
  /** An outcome counts as fresh when a decision knew of it within this time, s: a bucket of the histogram. */
  freshnessSeconds: 10,
  /** Part of the outcomes that must be. */
  freshnessObjective: 0.99,
  heartbeatSeconds: 120,
  lagSeconds: 60,
  /** Of the most that it could be. */
  entropyShare: 0.05,
  klNats: 0.5,
  /** Of the batch. */
  effectiveSampleSize: 0.1,
  /** Of the reward rate of the baseline. */
  baselineShare: 0.9,
  auditSeconds: 6 * 3600,
  decisionSeconds: 2,
} as const

export type Thresholds = Readonly<Record<keyof typeof thresholds, number | string>>

/** Bounds that a freshness of the alerts may have. */
export const freshnessBounds = secondsBuckets

export interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: { readonly severity: 'critical' | 'warning'; readonly stage?: string }
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string }
}

interface Wording {
  readonly severity: 'critical' | 'warning'
  /** How long it must hold. */
  readonly wait: string
  readonly summary: string
  readonly description: string
}

/** `name` is that of its runbook too: docs/runbooks/<name>.md. */
export const alert = (name: string, expr: string, { severity, wait, summary, description }: Wording): Alert => ({
  alert: `Feedloop${name}`,
  expr,
  for: wait,
  labels: { severity },
  annotations: { summary, description, runbook: `docs/runbooks/${name}.md` },
})

/** A selector; the type checks the name. */
export const metric = (name: MetricName, labels = ''): string => `${name}${labels && `{${labels}}`}`

export const rate = (name: MetricName, window: string, labels = ''): string =>
  `rate(${metric(name, labels)}[${window}])`

export const increase = (name: MetricName, window: string, labels = ''): string =>
  `increase(${metric(name, labels)}[${window}])`

/** What parts the installations that one Prometheus scrapes: the scrape job, and of the chart's releases their namespace.
 * Whatever is put together is put together within one. */
export const installation = 'namespace, job'

const within = (labels: string): string => (labels ? `${installation}, ${labels}` : installation)

export const sumBy = (labels: string, expr: string): string => `sum by (${within(labels)}) (${expr})`
export const maxBy = (labels: string, expr: string): string => `max by (${within(labels)}) (${expr})`
export const minBy = (labels: string, expr: string): string => `min by (${within(labels)}) (${expr})`

/** Increase of a counter, from its first sight too: a series begins at its first count, which `increase` does not see. */
export const counted = (name: MetricName, by: string, window: string, labels = ''): string => {
  const series = metric(name, labels)
  return `${sumBy(by, increase(name, window, labels))} > 0 or ${sumBy(by, `${series} unless ${series} offset ${window}`)} > 0`
}
