/** Is every stage there, and does it go on? */
import { pipeline, type StageEntry } from '../../../src/pipeline.ts'
import { type Alert, alert, maxBy, metric, rate, sumBy, type Thresholds } from './alert.ts'

const chained: readonly StageEntry[] = pipeline.filter(entry => entry.runs === 'chain')

/** Installations of which any stage was heard within the hour. */
const heard = maxBy('', `last_over_time(${metric('feedloop_tasks')}[1h])`)

/** A stage without a running task answers nobody, and a counter that stands still would not say so. Of an installation that was never
 * heard nobody knows its name: `absent` speaks for it while there is no other. */
const absent = chained.map(({ stage }): Alert => {
  const running = sumBy('', metric('feedloop_tasks', `stage="${stage}",state="running"`))
  const made = alert('StageAbsent', `(${heard} unless ${running} > 0) or absent(${metric('feedloop_tasks')})`, {
    severity: 'critical',
    wait: '5m',
    summary: `No task of the ${stage} runs`,
    description: `No process reports a running task of the ${stage}. Look whether it runs and what its /readyz waits for.`,
  })
  return { ...made, labels: { ...made.labels, stage } }
})

/** One may stand still among many. */
const ofPartition = 'stage, topic, partition'

export const stageAlerts = ({ lagSeconds }: Thresholds): readonly Alert[] => [
  ...absent,
  alert(
    'GroupNotConsuming',
    maxBy(
      'stage, topic',
      `${maxBy(ofPartition, metric('feedloop_lag_seconds'))} > 30 unless ${sumBy(ofPartition, rate('feedloop_records_consumed_total', '5m'))} > 0`,
    ),
    {
      severity: 'critical',
      wait: '5m',
      summary: '{{ $labels.stage }} takes nothing from a partition of {{ $labels.topic }}',
      description:
        'Records wait in it, and none was done with for 5 minutes. See the log of the stage and the brokers.',
    },
  ),
  alert('Lag', `${maxBy('stage, topic', metric('feedloop_lag_seconds'))} > ${lagSeconds}`, {
    severity: 'warning',
    wait: '5m',
    summary: '{{ $labels.stage }} is behind on {{ $labels.topic }}',
    description: 'The oldest record that waits is older than the bound. Add instances, up to the partition count.',
  }),
  alert('RecoveringLong', `${maxBy('stage', metric('feedloop_tasks', 'state="recovering"'))} > 0`, {
    severity: 'warning',
    wait: '10m',
    summary: 'A task of the {{ $labels.stage }} recovers since 10 minutes',
    description: 'It folds the log since the last known state; feedloop_recovery_progress says how far it is.',
  }),
  alert(
    'Rivals',
    `${sumBy('stage', rate('feedloop_steps_total', '10m', 'result="lost"'))} > 0.1 * ${sumBy('stage', rate('feedloop_steps_total', '10m', 'result="accepted"'))}`,
    {
      severity: 'warning',
      wait: '15m',
      summary: 'Two processes do the work of one in {{ $labels.stage }}',
      description: 'More than a tenth of its steps lose to a rival: no harm to the data, but work twice.',
    },
  ),
  alert('BrokersFailing', `${sumBy('api', rate('feedloop_kafka_request_failures_total', '5m'))} > 0.1`, {
    severity: 'warning',
    wait: '5m',
    summary: 'Brokers leave requests unanswered: {{ $labels.api }}',
    description: 'Connections are lost or time out. Services wait and try again; look at the brokers and the network.',
  }),
]
