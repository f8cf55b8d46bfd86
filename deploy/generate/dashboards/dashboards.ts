/** The Grafana dashboards as Grafana reads them. */
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { joins } from './joins.ts'
import { kafka } from './kafka.ts'
import { learning } from './learning.ts'
import { overview } from './overview.ts'
import { datasource, type Row } from './panel.ts'
import { ranker } from './ranker.ts'

const titles = {
  overview: ['Loop overview', overview],
  learning: ['Learning health', learning],
  joins: ['Joins and freshness', joins],
  ranker: ['Ranker', ranker],
  kafka: ['Kafka client', kafka],
} as const satisfies Record<string, readonly [string, readonly Row[]]>

export type DashboardName = keyof typeof titles

export const dashboards = (): Readonly<Record<DashboardName, Dashboard>> =>
  Object.fromEntries(
    Object.entries(titles).map(([name, [title, rows]]) => [name, dashboard(name, title, rows)]),
  ) as Readonly<Record<DashboardName, Dashboard>>

/** One or more of a label's values, or all: those of series without the label, too. */
const choice = (label: string, title: string, series: string): QueryVariableBuilder =>
  new QueryVariableBuilder(label)
    .label(title)
    .datasource(datasource)
    .query(`label_values(${series}, ${label})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue('.*')

function dashboard(name: string, title: string, rows: readonly Row[]): Dashboard {
  const builder = new DashboardBuilder(`feedloop: ${title}`)
    .uid(`feedloop-${name}`)
    .tags(['feedloop'])
    .editable()
    .tooltip(DashboardCursorSync.Crosshair)
    .refresh('10s')
    .time({ from: 'now-30m', to: 'now' })
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(choice('namespace', 'Namespace', 'feedloop_tasks'))
    .withVariable(choice('job', 'Installation', 'feedloop_tasks{namespace=~"$namespace"}'))
  for (const [rowTitle, panels] of rows) {
    builder.withRow(new RowBuilder(rowTitle))
    for (const panel of panels) builder.withPanel(panel)
  }
  const made = builder.build()
  made.panels?.forEach((panel, index) => {
    panel.id = index + 1
  })
  return made
}
