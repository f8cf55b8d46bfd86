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

/** The rules with `__name__` where the values of the chart have a threshold. */
export const chartRules = () =>
  alertRules(
    Object.fromEntries(Object.keys(thresholds).map(name => [name, `__${name}__`])) as Readonly<
      Record<keyof Thresholds, string>
    >,
  )
