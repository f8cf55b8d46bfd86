/** Decisions and the HTTP door before them. */
import { gauge, quantiles, type Row, rate, series } from './panel.ts'

export const ranker: readonly Row[] = [
  [
    'Decisions',
    [
      series('Decisions', 'ops', [rate('feedloop_decisions_total', 'mode, chosen_by')]),
      series('Time of a decision', 's', quantiles('feedloop_decision_seconds')),
      series('Requests wait', 's', [
        gauge('max', 'feedloop_lag_seconds', 'partition', 'stage="ranker",topic="requests"'),
      ]),
      series('Shed', 'ops', [rate('feedloop_requests_shed_total', 'answer')]),
      series('Answered with nothing', 'ops', [rate('feedloop_requests_unanswerable_total', 'reason')]),
      series('Repeated', 'ops', [rate('feedloop_requests_duplicate_total'), rate('feedloop_events_duplicate_total')]),
    ],
  ],
  [
    'Candidates',
    [
      series('Left out', 'ops', [rate('feedloop_candidates_dropped_total', 'reason')]),
      series('Conditions that could not be evaluated', 'ops', [rate('feedloop_conditions_failed_total', 'condition')]),
      series('Time of retrieval', 's', quantiles('feedloop_retrieval_seconds')),
      series('Items behind the newest version', 'short', [gauge('max', 'feedloop_retrieval_behind_items', 'policy')]),
      series('Items shown and known', 'short', [
        gauge('max', 'feedloop_catalogue_shown_items'),
        gauge('max', 'feedloop_catalogue_items'),
      ]),
      series('What an apprentice would show', 'ops', [rate('feedloop_shadow_slots_total', 'policy, result')]),
    ],
  ],
  [
    "Users' states",
    [
      series('Snapshots written', 'ops', [rate('feedloop_snapshots_written_total')]),
      series('Snapshots waiting', 'short', [gauge('sum', 'feedloop_snapshots_waiting', 'partition')]),
      series('Loading of snapshots', 'percentunit', [gauge('min', 'feedloop_snapshot_load_progress', 'partition')]),
      series('Snapshots passed over', 'ops', [
        rate('feedloop_snapshots_shadowed_total'),
        rate('feedloop_snapshots_unreadable_total'),
      ]),
    ],
  ],
  [
    'HTTP door',
    [
      series('Calls', 'ops', [rate('feedloop_gateway_requests_total', 'route, code')]),
      series('Time of a call', 's', quantiles('feedloop_gateway_request_seconds', 'route')),
      series('Calls that wait', 'short', [gauge('sum', 'feedloop_gateway_waiting')]),
      series('Answers', 'ops', [rate('feedloop_gateway_answers_total', 'kind')]),
      series('Refused with 503', 'ops', [rate('feedloop_gateway_shed_total', 'reason')]),
    ],
  ],
]
