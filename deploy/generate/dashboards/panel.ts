/** What the dashboards are made of. Metric names are typed by the metric table; every selector goes by `$namespace` and `$job`, so
 * that two installations that one Prometheus scrapes can be told apart. */
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as SeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { type MetricName, metricTable } from '../../../src/metric-table.ts'

export type Panel = SeriesBuilder | StatBuilder
/** A row's title and what stands in it. */
export type Row = readonly [title: string, panels: readonly Panel[]]

/** Grafana's units: seconds, bytes, a share of 1, a rate a second, a plain number. */
export type Unit = 's' | 'bytes' | 'percentunit' | 'ops' | 'short'

/** Legend (`{{label}}`) and expression. */
export type Query = readonly [legend: string, expr: string]

export const datasource = { type: 'prometheus', uid: '$datasource' }

const width = 8
const height = 8
const statHeight = 4
const statWidth = 4

/** The installations that were chosen. */
export const chosen = 'namespace=~"$namespace",job=~"$job"'

export const metric = (name: MetricName, labels = ''): string => selector(name, labels)
const selector = (name: string, labels: string): string => `${name}{${chosen}${labels && `,${labels}`}}`

const window = '[$__rate_interval]'
export const legendOf = (labels: string): string =>
  labels
    .split(', ')
    .map(label => `{{${label}}}`)
    .join(' ')

/** Of a counter, a second; summed by `labels`, which name it in the legend. */
export const rate = (name: MetricName, labels = '', only = ''): Query => {
  const series = `rate(${metric(name, only)}${window})`
  return labels ? [legendOf(labels), `sum by (${labels}) (${series})`] : [name, `sum(${series})`]
}
export const rateOf = (name: MetricName, labels: string, only = ''): string => rate(name, labels, only)[1]

/** Of a gauge, over instances and partitions. */
export const gauge = (how: 'sum' | 'max' | 'min', name: MetricName, labels = '', only = ''): Query =>
  labels ? [legendOf(labels), `${how} by (${labels}) (${metric(name, only)})`] : [name, `${how}(${metric(name, only)})`]

/** Median, 95th and 99th percentile of a histogram. */
export const quantiles = (name: MetricName, labels = '', only = ''): Query[] =>
  [0.5, 0.95, 0.99].map(q => [
    `p${100 * q}${labels && ` ${legendOf(labels)}`}`,
    `histogram_quantile(${q}, sum by (le${labels && `, ${labels}`}) (rate(${selector(`${name}_bucket`, only)}${window})))`,
  ])

const queryOf = ([legend, expr]: Query, index: number) =>
  new DataqueryBuilder().refId('ABCDEFGH'[index]!).datasource(datasource).expr(expr).legendFormat(legend).exemplar(true)

/** @param signed what it shows may be negative */
export function series(title: string, unit: Unit, queries: readonly Query[], { signed = false } = {}): SeriesBuilder {
  const panel = new SeriesBuilder()
    .title(title)
    .description(describe(queries))
    .datasource(datasource)
    .unit(unit)
    .fillOpacity(8)
    .height(height)
    .span(width)
  if (!signed) panel.min(0)
  for (const [index, query] of queries.entries()) panel.withTarget(queryOf(query, index))
  return panel
}

/** The number of now. */
export function stat(title: string, unit: Unit, query: Query): StatBuilder {
  return new StatBuilder()
    .title(title)
    .description(describe([query]))
    .datasource(datasource)
    .unit(unit)
    .height(statHeight)
    .span(statWidth)
    .withTarget(queryOf(query, 0))
}

/** What the metrics of the expressions mean, as the table says it. */
function describe(queries: readonly Query[]): string {
  const text = queries.map(([, expr]) => expr).join(' ')
  const names = (Object.keys(metricTable) as MetricName[]).filter(name =>
    new RegExp(`\\b${name}(_bucket|_sum|_count)?\\b`).test(text),
  )
  return names.map(name => `${name}: ${metricTable[name].help}`).join('\n\n')
}
