/** Every PromQL expression of the deploy files, as Prometheus gets it. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { alertRules } from '../../deploy/generate/alerts/rules.ts'
import { dashboards } from '../../deploy/generate/dashboards/dashboards.ts'
import { root } from './parts.ts'

export const panelExpressions = (): readonly string[] =>
  Object.values(dashboards())
    .flatMap(({ panels = [] }) => panels as { targets?: { expr: string }[] }[])
    .flatMap(({ targets = [] }) => targets.map(({ expr }) => interpolated(expr)))

/** As Grafana would with all installations chosen. */
const interpolated = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '1m').replaceAll('$namespace', '.*').replaceAll('$job', '.*')

/** Those that a person on call is told to look at, by runbook. */
export const runbookExpressions = (): readonly string[] =>
  globSync('docs/runbooks/*.md', { cwd: root }).flatMap(file =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/^```promql\n([^`]*)^```$/gm)].flatMap(([, lines]) =>
      lines!.trimEnd().split('\n'),
    ),
  )

export const expressions = (): readonly string[] => [
  ...alertRules().flatMap(({ rules }) => rules.map(({ expr }) => expr)),
  ...panelExpressions(),
  ...runbookExpressions(),
]
