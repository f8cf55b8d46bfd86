/** What a process counts and shows of itself: a meter over the one table (metric-table.ts). */
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  type GaugeConfiguration,
  Histogram,
  type OpenMetricsContentType,
  Registry,
} from 'prom-client'
import { type MetricEntry, type MetricName, metricTable, secondsBuckets } from './metric-table.ts'

export interface Meter {
  readonly registry: Registry<OpenMetricsContentType>
  add(name: MetricName, labels?: Record<string, string>, value?: number): void
  set(name: MetricName, labels: Record<string, string>, value: number): void
  /** @param traceId of what was measured: the exemplar of its bucket, until another is. 32 hex digits */
  observe(name: MetricName, labels: Record<string, string>, seconds: number, traceId?: string): void
  /** Takes back a gauge that this process has no say in any more: of a partition that another member took over. */
  remove(name: MetricName, labels: Record<string, string>): void
}

/** A registry with every metric of the table, rendered in one format (OpenMetrics) for the life of the process. */
export function createMeter(options: { processMetrics?: boolean } = {}): Meter {
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const metrics = new Map<string, Counter | Gauge | Histogram>()
  for (const [name, entry] of Object.entries(metricTable) as [string, MetricEntry][]) {
    const common = {
      help: entry.help,
      labelNames: [...(entry.labels ?? [])],
      registers: [registry as unknown as Registry],
    }
    if (entry.type === 'counter') metrics.set(name, new Counter({ name, ...common }))
    else if (entry.type === 'gauge') metrics.set(name, gaugeOf(name, common, entry))
    else
      metrics.set(
        name,
        new Histogram({ name, ...common, buckets: [...(entry.buckets ?? secondsBuckets)], enableExemplars: true }),
      )
  }
  if (options.processMetrics) collectDefaultMetrics({ register: registry as unknown as Registry })
  return {
    registry,
    add: (name, labels = {}, value = 1) => (metrics.get(name) as Counter).inc(labels, value),
    set: (name, labels, value) => (metrics.get(name) as Gauge).set(labels, value),
    observe: (name, labels, value, traceId) =>
      (metrics.get(name) as Histogram).observe({
        labels,
        value,
        ...(traceId !== undefined && { exemplarLabels: { trace_id: traceId } }),
      }),
    remove: (name, labels) => (metrics.get(name) as Gauge).remove(labels),
  }
}

/** A gauge without labels begins at 0, which of some would say what nobody has found yet. */
function gaugeOf(name: string, common: Omit<GaugeConfiguration<string>, 'name'>, { untilSet }: MetricEntry): Gauge {
  const gauge = new Gauge({ name, ...common })
  if (untilSet === 'absent') gauge.remove({})
  return gauge
}
