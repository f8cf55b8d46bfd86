/** Every PromQL expression of the deploy files, as Prometheus gets it. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { alertRules } from '../../deploy/generate/alerts/rules.ts'
import { dashboard } from '../../deploy/generate/dashboard.ts'
import { root } from './parts.ts'

export const panelExpressions = (): readonly string[] =>
  (dashboard().panels as { targets?: { expr: string }[] }[]).flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m')),
  )

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
