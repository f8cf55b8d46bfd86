/** Is learning sane, and does it explore as it says? */
import type { LearnerStatistic } from '../../../src/learner/statistics.ts'
import { gauge, metric, type Query, quantiles, type Row, rate, rateOf, series } from './panel.ts'

const stats = (...names: LearnerStatistic[]): Query =>
  gauge('max', 'feedloop_learner_stat', 'policy, stat', `stat=~"${names.join('|')}"`)

const drawn = (what: string): string => rateOf('feedloop_draws_total', 'policy', `drawn="${what}"`)

/** Expected calibration error: |likeliest drawn - expected| by bin, over all draws. */
const calibrationError =
  `sum by (policy) (abs(${rateOf('feedloop_draws_total', 'policy, bin', 'drawn="likeliest"')}` +
  ` - ${rateOf('feedloop_draws_expected_total', 'policy, bin')})) / ${rateOf('feedloop_draws_total', 'policy')}`

export const learning: readonly Row[] = [
  [
    'Updates',
    [
      series(
        'Terms of the loss',
        'short',
        [
          stats(
            'loss',
            'policy_loss',
            'value_loss',
            'advantage_loss',
            'imitation_loss',
            'choice_loss',
            'behaviour_loss',
          ),
        ],
        {
          signed: true,
        },
      ),
      series('Norm of the gradient', 'short', [stats('gradient_norm')]),
      series('Updates left out, not finite', 'short', [
        stats(
          'refused_updates',
          'refused_updates_kl_bound',
          'refused_updates_behaviour',
          'withheld_updates_entropy_bound',
        ),
        rate('feedloop_learner_not_finite_total', 'policy, stat'),
      ]),
      series('Time of an update', 's', quantiles('feedloop_learner_update_seconds', 'policy')),
      series('Versions published', 'ops', [rate('feedloop_learner_updates_total', 'policy')]),
      series('Revisions', 'ops', [rate('feedloop_learned_total', 'policy, result')]),
      series('Not learned', 'ops', [rate('feedloop_learner_refused_total', 'policy, reason')]),
      series(
        'Values and errors',
        'short',
        [
          stats(
            'td_error',
            'td_error_max',
            'value_unit',
            'q_mean',
            'none_probability',
            'explained_variance',
            'critic_share',
          ),
        ],
        { signed: true },
      ),
      series('What is kept', 'short', [
        stats('buffer', 'rows', 'items', 'members', 'evicted', 'dead_arms'),
        stats('waiting', 'waiting_overflowed', 'waiting_evicted', 'stale'),
      ]),
      series('How old', 'short', [stats('policy_lag', 'target_lag', 'segment_length')]),
      series('Priorities', 'short', [stats('priority_mean', 'priority_highest')]),
    ],
  ],
  [
    'How far from what was logged',
    [
      series('KL divergence', 'short', [stats('kl'), gauge('max', 'feedloop_gate_kl_nats', 'policy')]),
      series('Importance weights', 'short', [stats('importance', 'importance_weight_p99', 'importance_weight_max')]),
      series('Effective sample size, share cut', 'percentunit', [stats('effective_sample_size', 'clipped')]),
    ],
  ],
  [
    'Exploration',
    [
      series('Share of exploration', 'percentunit', [
        ['{{policy}}', `${drawn('other')} / ${rateOf('feedloop_draws_total', 'policy')}`],
      ]),
      series('Entropy of first draws, of the most possible', 'percentunit', [
        [
          '{{policy}}',
          `${rateOf('feedloop_draw_entropy_nats_total', 'policy')} / ${rateOf('feedloop_draw_entropy_limit_nats_total', 'policy')}`,
        ],
      ]),
      series('Entropy that the learner sees', 'short', [stats('entropy')]),
      series('Error of calibration of propensities', 'percentunit', [['{{policy}}', calibrationError]]),
      series('Coverage of the catalogue', 'percentunit', [
        ['at least', `max(${metric('feedloop_catalogue_shown_items')}) / max(${metric('feedloop_catalogue_items')})`],
      ]),
      series('Match with the baseline (apprentice)', 'percentunit', [
        [
          '{{policy}}',
          `${rateOf('feedloop_shadow_slots_total', 'policy', 'result="same"')} / ${rateOf('feedloop_shadow_slots_total', 'policy')}`,
        ],
      ]),
    ],
  ],
  [
    'The world',
    [
      series('Changes found, errors on what is new, largest state', 'short', [
        stats('world_changes', 'spread', 'state_norm'),
      ]),
      series('Revisions a step', 'short', [stats('learned', 'updates')]),
    ],
  ],
]
