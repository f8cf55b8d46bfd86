/** Is the loop well, what flows, and is it worth it? */
import { gauge, metric, type Query, quantiles, type Row, rate, rateOf, series, stat } from './panel.ts'

const by = 'policy, chosen_by, mode, version'
const rewardRate: Query = [
  '{{policy}} {{chosen_by}} {{mode}} {{version}}',
  `(${rateOf('feedloop_slots_reward_total', by)} - ${rateOf('feedloop_slots_penalty_total', by)}) / ${rateOf('feedloop_slots_joined_total', by)}`,
]

export const overview: readonly Row[] = [
  [
    'Is it well?',
    [
      stat('Tasks that run', 'short', gauge('sum', 'feedloop_tasks', '', 'state="running"')),
      stat('Tasks that recover', 'short', gauge('sum', 'feedloop_tasks', '', 'state="recovering"')),
      stat('Longest wait in a topic', 's', gauge('max', 'feedloop_lag_seconds')),
      stat('Age of the heartbeat', 's', ['age', `time() - min(${metric('feedloop_heartbeat_timestamp_seconds')})`]),
      stat('Differences in the balance', 'short', gauge('max', 'feedloop_accounting_differences')),
      stat('Age of the last audit', 's', ['age', `time() - max(${metric('feedloop_accounting_timestamp_seconds')})`]),
      series(
        'From outcome to the decision that knows it',
        's',
        quantiles('feedloop_freshness_seconds', '', 'until="decision"'),
      ),
      series('Refused records', 'ops', [rate('feedloop_dead_letters_total', 'stage, code')]),
      series('Heartbeats sent', 'ops', [rate('feedloop_heartbeats_sent_total')]),
    ],
  ],
  [
    'What flows',
    [
      series('Decisions', 'ops', [rate('feedloop_decisions_total', 'mode, chosen_by')]),
      series('Outcomes', 'ops', [rate('feedloop_outcomes_total', 'fate')]),
      series('Transitions', 'ops', [rate('feedloop_transitions_total', 'kind')]),
      series('Versions published', 'ops', [rate('feedloop_learner_updates_total', 'policy')]),
      series('Releases', 'ops', [rate('feedloop_releases_total', 'reason')]),
      series('Time of a decision', 's', quantiles('feedloop_decision_seconds')),
    ],
  ],
  [
    'Is it worth it?',
    [
      series('Reward of a slot', 'short', [rewardRate], { signed: true }),
      series('Slots joined', 'ops', [rate('feedloop_slots_joined_total', by)]),
      series('Rewards by component', 'ops', [rate('feedloop_reward_sum_total', 'component')]),
    ],
  ],
  [
    'Versions',
    [
      series('Newest version', 'short', [gauge('max', 'feedloop_model_version', 'stage, policy')]),
      series('Age of what serves', 's', [
        ['{{policy}}', `time() - min by (policy) (${metric('feedloop_model_created_timestamp_seconds')})`],
      ]),
      series('Versions refused', 'ops', [rate('feedloop_models_refused_total', 'stage, code')]),
      series('Versions that could not be had', 'ops', [rate('feedloop_model_fallbacks_total', 'policy')]),
    ],
  ],
  [
    'Intake and features',
    [
      series('Source records', 'ops', [rate('feedloop_intake_records_total', 'source, result')]),
      series('Texts encoded', 'ops', [rate('feedloop_encoded_total', 'what, result')]),
      series('Time of an encoder call', 's', quantiles('feedloop_encoder_seconds')),
      series('Items of the catalogue', 'short', [gauge('max', 'feedloop_catalogue_items')]),
    ],
  ],
]
