/**
 * The alert rules. Metric names are typed by the metric table, so a renamed metric cannot leave a rule behind that never
 * fires. An alert asks a person to do something: its annotation says what.
 */
import type { MetricName } from '../../src/metric-table.ts'
import { pipeline, type StageEntry } from '../../src/pipeline.ts'

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: { readonly severity: 'critical' | 'warning'; readonly stage?: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}

/** A selector; the type checks the name. */
const metric = (name: MetricName, labels = '') => `${name}${labels && `{${labels}}`}`
const buckets = (name: MetricName) => `${name}_bucket`
const increase = (name: MetricName, window: string, labels = '') => `increase(${metric(name, labels)}[${window}])`
/** Increase of a counter, from its first sight too: a series begins at its first count, which `increase` does not see. */
const counted = (name: MetricName, by: string, window: string, labels = '') => {
  const series = metric(name, labels)
  return `sum by (${by}) (${increase(name, window, labels)}) > 0 or sum by (${by}) (${series} unless ${series} offset ${window}) > 0`
}
const rate = (name: MetricName, window: string, labels = '') => `rate(${metric(name, labels)}[${window}])`

function alert(
  name: string,
  severity: 'critical' | 'warning',
  expr: string,
  wait: string,
  texts: [string, string],
): Alert {
  return {
    alert: `Feedloop${name}`,
    expr,
    for: wait,
    labels: { severity },
    annotations: { summary: texts[0], description: texts[1] },
  }
}

const chained: readonly StageEntry[] = pipeline.filter(entry => entry.runs === 'chain')

/** A heartbeat: a stage without a running task answers nobody, and a counter that stands still would not say so. */
const heartbeats = chained.map(({ stage }): Alert => {
  const running = metric('feedloop_tasks', `stage="${stage}",state="running"`)
  const name = `${stage[0].toUpperCase()}${stage.slice(1)}Absent`
  const absent = alert(name, 'critical', `absent(${running} > 0)`, '5m', [
    `No task of the ${stage} runs`,
    `No process reports a running task of the ${stage}. Look whether it runs and what its /readyz waits for.`,
  ])
  return { ...absent, labels: { ...absent.labels, stage } }
})

const progress: readonly Alert[] = [
  alert(
    'Stalled',
    'critical',
    `sum by (stage) (${metric('feedloop_lag_records')}) > 0 unless sum by (stage) (${rate('feedloop_steps_total', '5m', 'result="accepted"')}) > 0`,
    '5m',
    [
      '{{ $labels.stage }} makes no step',
      'Records wait and no step was accepted for 5 minutes. See its log and the brokers.',
    ],
  ),
  alert('Lag', 'warning', `sum by (stage, topic) (${metric('feedloop_lag_records')}) > 10000`, '10m', [
    '{{ $labels.stage }} is {{ $value }} records behind on {{ $labels.topic }}',
    'It reads more slowly than others write. Add instances, up to the partition count.',
  ]),
  alert('RecoveringLong', 'warning', `max by (stage) (${metric('feedloop_tasks', 'state="recovering"')}) > 0`, '10m', [
    'A task of the {{ $labels.stage }} recovers since 10 minutes',
    'Recovery folds the log since the last known state. If the log shows no progress, look for chain errors.',
  ]),
  alert(
    'Rivals',
    'warning',
    `sum by (stage) (${rate('feedloop_steps_total', '10m', 'result="lost"')}) > 0.1 * sum by (stage) (${rate('feedloop_steps_total', '10m', 'result="accepted"')})`,
    '15m',
    [
      'Two processes do the work of one in {{ $labels.stage }}',
      'More than a tenth of its steps lose to a rival: no harm to the data, but work twice. Look for a second installation on the same topics.',
    ],
  ),
]

const records: readonly Alert[] = [
  alert('DeadLetters', 'warning', counted('feedloop_dead_letters_total', 'stage, code', '10m'), '0m', [
    '{{ $labels.stage }} refuses records: {{ $labels.code }}',
    '`feedloop dead-letters list` shows them; docs/errors.md says what the code asks for.',
  ]),
]

const learning: readonly Alert[] = [
  // that a slate of several is learned slot by slot, and not as a whole, is no refusal to look at
  alert(
    'LearnerRefusing',
    'warning',
    counted('feedloop_learner_refused_total', 'policy, reason', '10m', 'reason!="slate"'),
    '10m',
    [
      'The learner of {{ $labels.policy }} refuses transitions: {{ $labels.reason }}',
      'What it refuses is not learned. The reason names what the transitions lack.',
    ],
  ),
  alert('ModelRefused', 'warning', counted('feedloop_models_refused_total', 'stage, code', '10m'), '0m', [
    '{{ $labels.stage }} refuses model versions: {{ $labels.code }}',
    'The last good version goes on serving. Look at the learner: its loss, its input, its configuration.',
  ]),
  alert(
    'NoNewModel',
    'critical',
    `sum(${increase('feedloop_learned_total', '15m', 'result="learned"')}) > 0 unless sum(${increase('feedloop_records_produced_total', '15m', 'stage="learner"')}) > 0`,
    '5m',
    [
      'The learner learns and publishes nothing',
      'Transitions were learned for 15 minutes and no version came out. See the log of the learner.',
    ],
  ),
  alert(
    'Stale',
    'warning',
    `histogram_quantile(0.95, sum by (le, until) (rate(${buckets('feedloop_freshness_seconds')}[10m]))) > 10`,
    '10m',
    [
      'Outcomes take long to count: until {{ $labels.until }}',
      'One in twenty outcomes takes more than 10 s to reach this stage. Look for lag on the way.',
    ],
  ),
  alert(
    'SlowDecisions',
    'warning',
    `histogram_quantile(0.99, sum by (le) (rate(${buckets('feedloop_decision_seconds')}[5m]))) > 2`,
    '10m',
    [
      'One in a hundred decisions takes more than 2 s',
      'Look for lag of the ranker on requests; add instances, up to the partition count.',
    ],
  ),
]

const doors: readonly Alert[] = [
  alert('GatewayRefusing', 'warning', `sum by (reason) (${rate('feedloop_gateway_shed_total', '5m')}) > 0.1`, '5m', [
    'The HTTP door refuses {{ $value }} calls a second: {{ $labels.reason }}',
    'full: add gateways or rankers. log: see the brokers. ranker: see whether rankers run and are ready. not_ready: see what /readyz of the gateway waits for.',
  ]),
  alert('RequestsShed', 'warning', `sum by (answer) (${rate('feedloop_requests_shed_total', '5m')}) > 0.1`, '5m', [
    'The rankers shed {{ $value }} requests a second: {{ $labels.answer }}',
    'They are not scored and never learned. Add rankers, up to one a partition, or ask for fewer candidates.',
  ]),
]

export const alertRules = () => [
  { name: 'feedloop-heartbeats', rules: heartbeats },
  { name: 'feedloop-progress', rules: progress },
  { name: 'feedloop-records', rules: records },
  { name: 'feedloop-learning', rules: learning },
  { name: 'feedloop-doors', rules: doors },
]
