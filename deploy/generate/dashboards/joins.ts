/** What becomes of decisions and outcomes, and how soon. */
import { chosen, gauge, legendOf, metric, type Query, quantiles, type Row, rate, series } from './panel.ts'

const inTime = (until: string): Query => [
  until,
  `sum(rate(feedloop_freshness_seconds_bucket{${chosen},until="${until}",le=~"10|10.0"}[$__rate_interval])) / sum(rate(feedloop_freshness_seconds_count{${chosen},until="${until}"}[$__rate_interval]))`,
]

export const joins: readonly Row[] = [
  [
    'Freshness: age of an outcome until …',
    [
      ...['transition', 'update', 'serving', 'decision'].map(until =>
        series(`… ${until}`, 's', quantiles('feedloop_freshness_seconds', '', `until="${until}"`)),
      ),
      series('Within ten seconds', 'percentunit', ['transition', 'update', 'serving', 'decision'].map(inTime)),
      series('Behind event time', 's', [
        [
          legendOf('stage, partition'),
          `time() - min by (stage, partition) (${metric('feedloop_watermark_timestamp_seconds')})`,
        ],
      ]),
    ],
  ],
  [
    'Joins',
    [
      series('Outcomes by fate', 'ops', [rate('feedloop_outcomes_total', 'fate')]),
      series('Outcomes by attribution', 'ops', [rate('feedloop_outcomes_attributed_total', 'way')]),
      series('Decisions by fate', 'ops', [rate('feedloop_decisions_joined_total', 'fate')]),
      series('Transitions', 'ops', [rate('feedloop_transitions_total', 'kind')]),
      series('Open joins', 'short', [gauge('sum', 'feedloop_open_joins', 'partition')]),
      series('Rewards and penalties', 'ops', [
        rate('feedloop_slots_reward_total', 'policy, chosen_by'),
        rate('feedloop_slots_penalty_total', 'policy, chosen_by'),
      ]),
    ],
  ],
  [
    'State',
    [
      series('Bytes of state', 'bytes', [gauge('sum', 'feedloop_state_bytes', 'stage')]),
      series('Recovery', 'percentunit', [gauge('min', 'feedloop_recovery_progress', 'stage, partition')]),
      series('States dropped', 'ops', [rate('feedloop_state_dropped_total', 'stage, reason')]),
    ],
  ],
  [
    'Accounts of the last audit',
    [
      series('Decisions', 'short', [gauge('max', 'feedloop_accounting_records', 'fate', 'account="decisions"')]),
      series('Outcomes', 'short', [gauge('max', 'feedloop_accounting_records', 'fate', 'account="outcomes"')]),
      series('Requests', 'short', [gauge('max', 'feedloop_accounting_records', 'fate', 'account="requests"')]),
    ],
  ],
]
