/** The alert rules, in groups. An alert asks a person to do something: its annotations say what, and where the runbook is. */
import { type Thresholds, thresholds } from './alert.ts'
import { doorAlerts } from './doors.ts'
import { learningAlerts } from './learning.ts'
import { loopAlerts } from './loop.ts'
import { stageAlerts } from './stages.ts'

export const alertRules = (by: Thresholds = thresholds) => [
  { name: 'feedloop-stages', rules: stageAlerts(by) },
  { name: 'feedloop-loop', rules: loopAlerts(by) },
  { name: 'feedloop-learning', rules: learningAlerts(by) },
  { name: 'feedloop-doors', rules: doorAlerts(by) },
]

type Groups = ReturnType<typeof alertRules>

/** The rules, asking only for series of `selector` (PromQL, without braces): a chart's release watches itself and no other. */
export const selected = (groups: Groups, selector: string): Groups =>
  groups.map(({ name, rules }) => ({
    name,
    rules: rules.map(rule => ({ ...rule, expr: narrowed(rule.expr, selector) })),
  }))

const narrowed = (expr: string, selector: string): string =>
  expr.replace(/\b(feedloop_\w+)(\{?)/g, (_, name, more) => `${name}{${selector}${more ? ',' : '}'}`)

/** The rules with `__name__` where the values of the chart have a threshold, or `selector`. */
export const chartRules = (): Groups =>
  selected(
    alertRules(
      Object.fromEntries(Object.keys(thresholds).map(name => [name, `__${name}__`])) as Readonly<
        Record<keyof Thresholds, string>
      >,
    ),
    '__selector__',
  )
