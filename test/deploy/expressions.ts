/** Every PromQL expression of the deploy files, as Prometheus gets it. */
import { alertRules } from '../../deploy/generate/alerts/rules.ts'
import { dashboard } from '../../deploy/generate/dashboard.ts'

export const panelExpressions = (): readonly string[] =>
  (dashboard().panels as { targets?: { expr: string }[] }[]).flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m')),
  )

export const expressions = (): readonly string[] => [
  ...alertRules().flatMap(({ rules }) => rules.map(({ expr }) => expr)),
  ...panelExpressions(),
]
