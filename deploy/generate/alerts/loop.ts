/** Does what people do come back as better decisions, in time, and whole? */
import { type Alert, alert, counted, maxBy, metric, minBy, rate, sumBy, type Thresholds } from './alert.ts'

/** Share of outcomes that were late over a window, by the histogram. Prometheus 3 writes a bound of 10 as 10.0. */
const late = ({ freshnessSeconds }: Thresholds, window: string): string => {
  const until = 'until="decision"'
  const name = 'feedloop_freshness_seconds' as const
  const inTime = `${metric(name)}_bucket{${until},le=~"${freshnessSeconds}|${freshnessSeconds}.0"}`
  return `1 - ${sumBy('', `rate(${inTime}[${window}])`)} / ${sumBy('', `rate(${metric(name)}_count{${until}}[${window}])`)}`
}

/** Over a long window and a short one, so that it begins soon and ends soon (Beyer et al., "The Site Reliability Workbook", 2018,
 * ch. 5). */
const burns = (by: Thresholds, factor: number, long: string, short: string): string => {
  const budget = `${factor} * (1 - ${by.freshnessObjective})`
  return `(${late(by, long)} > ${budget} and ${late(by, short)} > ${budget})`
}

/** Of the partition that heard of none for longest. */
const newestHeard = minBy('', metric('feedloop_heartbeat_timestamp_seconds'))

/** 0 where none ever ended, as where nobody audits. Of one whose process is gone the day remembers. */
const lastAudit = maxBy('', `last_over_time(${metric('feedloop_accounting_timestamp_seconds')}[1d])`)

const summary = 'Outcomes take too long to count in decisions'

export const loopAlerts = (by: Thresholds): readonly Alert[] => [
  alert('FreshnessBurnFast', `${burns(by, 14.4, '1h', '5m')} or ${burns(by, 6, '6h', '30m')}`, {
    severity: 'critical',
    wait: '2m',
    summary,
    description: "The month's budget of late outcomes is gone within hours or days. Look for the stage that lags.",
  }),
  alert('FreshnessBurnSlow', `${burns(by, 3, '1d', '2h')} or ${burns(by, 1, '3d', '6h')}`, {
    severity: 'warning',
    wait: '15m',
    summary,
    description: "At this rate the month's budget of late outcomes does not last. Look for the stage that lags.",
  }),
  alert(
    'HeartbeatStale',
    `(time() - ${newestHeard} > ${by.heartbeatSeconds}) or (${sumBy('', rate('feedloop_heartbeats_sent_total', '5m'))} > 0 unless ${newestHeard})`,
    {
      severity: 'critical',
      wait: '5m',
      summary: 'Heartbeats do not come back',
      description: 'No decision knows of a recent heartbeat: somewhere on the way the loop stands still.',
    },
  ),
  alert('BalanceBroken', `${maxBy('', metric('feedloop_accounting_differences'))} > 0`, {
    severity: 'critical',
    wait: '0m',
    summary: 'The audit found differences',
    description: 'Decisions, outcomes or transitions are not accounted for. `feedloop audit` lists them.',
  }),
  alert('AuditStale', `time() - (${lastAudit} > 0) > ${by.auditSeconds}`, {
    severity: 'warning',
    wait: '5m',
    summary: 'The last audit is long ago',
    description: 'While none ends, nobody would see that the balance is broken. See the log of `feedloop watch`.',
  }),
  alert('DeadLetters', counted('feedloop_dead_letters_total', 'stage, code', '10m'), {
    severity: 'warning',
    wait: '0m',
    summary: '{{ $labels.stage }} refuses records: {{ $labels.code }}',
    description: '`feedloop dead-letters list` shows them; docs/errors.md says what the code asks for.',
  }),
]
