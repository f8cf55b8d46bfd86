/** Is what is learned sane, does it serve, and is it worth it? */
import { HEARTBEAT } from '../../../src/heartbeat.ts'
import {
  type Alert,
  alert,
  counted,
  increase,
  installation,
  maxBy,
  metric,
  minBy,
  rate,
  sumBy,
  type Thresholds,
} from './alert.ts'

/** Mean entropy of first draws, of the most that it could be. */
const entropy = (window: string): string =>
  `${sumBy('policy', rate('feedloop_draw_entropy_nats_total', window))} / ${sumBy('policy', rate('feedloop_draw_entropy_limit_nats_total', window))}`

const kl = { gate: metric('feedloop_gate_kl_nats'), learner: metric('feedloop_learner_stat', 'stat="kl"') }

/** Above the bound, and far above what is usual. */
const spikes = (series: string, bound: number | string): string =>
  `(${maxBy('policy', series)} > ${bound} and ${maxBy('policy', series)} > 5 * ${maxBy('policy', `avg_over_time(${series}[6h])`)})`

/** Reward of a slot. */
const rewardRate = (labels: string, window: string): string => {
  const sum = (name: Parameters<typeof increase>[0]) => sumBy('policy', increase(name, window, labels))
  return `(${sum('feedloop_slots_reward_total')} - ${sum('feedloop_slots_penalty_total')}) / ${sum('feedloop_slots_joined_total')}`
}
/** Too old, too late or one too many: some of that is as it must be where each transition is used once (ppo, a3c). */
const TIMELY = 'stale|late_unlearned|evicted'
const looksWrong = `reason!~"slate|own_choice|${TIMELY}",policy!="${HEARTBEAT}"`
/** Of what came, what was too old, too late or one too many. */
const untimely = `${sumBy('policy, reason', increase('feedloop_learner_refused_total', '10m', `reason=~"${TIMELY}",policy!="${HEARTBEAT}"`))} / on (${installation}, policy) group_left () ${sumBy('policy', increase('feedloop_learned_total', '10m'))}`
const policys = 'chosen_by="policy",mode="online"'
/** So few slots say nothing. */
const ENOUGH = 1000

export const learningAlerts = (by: Thresholds): readonly Alert[] => [
  // that a slate of several is learned slot by slot, and not as a whole, is no refusal to look at, nor that a policy does not imitate
  // itself, nor what the heartbeat's one model has no room for
  alert(
    'LearnerRefusing',
    `${counted('feedloop_learner_refused_total', 'policy, reason', '10m', looksWrong)} or ${untimely} > 0.5`,
    {
      severity: 'warning',
      wait: '10m',
      summary: 'The learner of {{ $labels.policy }} refuses transitions: {{ $labels.reason }}',
      description: 'What it refuses is not learned. The reason names what the transitions lack.',
    },
  ),
  alert('ModelRefused', counted('feedloop_models_refused_total', 'stage, code', '10m'), {
    severity: 'warning',
    wait: '0m',
    summary: '{{ $labels.stage }} refuses model versions: {{ $labels.code }}',
    description: 'The last good version goes on serving. Look at the learner: its loss, its input, its configuration.',
  }),
  alert(
    'NoNewModel',
    `${sumBy('policy', increase('feedloop_slots_joined_total', '15m'))} > 0 unless ${sumBy('policy', increase('feedloop_learner_updates_total', '15m'))} > 0`,
    {
      severity: 'critical',
      wait: '5m',
      summary: 'No new version of {{ $labels.policy }}',
      description: 'Decisions were joined for 15 minutes and no version came out. See the log of the learner.',
    },
  ),
  alert(
    'LossNotFinite',
    `${counted('feedloop_learner_not_finite_total', 'policy', '10m')} or ${sumBy('policy', `delta(${metric('feedloop_learner_stat', 'stat="refused_updates"')}[10m])`)} > 0`,
    {
      severity: 'critical',
      wait: '0m',
      summary: 'The learner of {{ $labels.policy }} computes what is not finite',
      description:
        'Such updates are left out, and the last good version serves. Look at rewards and the learning rate.',
    },
  ),
  alert(
    'EntropyCollapse',
    `${entropy('15m')} < ${by.entropyShare} and ${entropy('15m')} < 0.25 * ${`(${entropy('1d')})`}`,
    {
      severity: 'warning',
      wait: '15m',
      summary: '{{ $labels.policy }} hardly explores any more',
      description: 'The entropy of its draws fell to a fraction of what it was: it may have locked in on something.',
    },
  ),
  alert('KlSpike', `${spikes(kl.gate, by.klNats)} or ${spikes(kl.learner, by.klNats)}`, {
    severity: 'warning',
    wait: '2m',
    summary: 'A version of {{ $labels.policy }} is far from what serves',
    description: 'Its KL divergence is many times what is usual. The gate holds what is beyond gate.maxKl.',
  }),
  alert(
    'EffectiveSampleSizeLow',
    `${minBy('policy', `avg_over_time(${metric('feedloop_learner_stat', 'stat="effective_sample_size"')}[15m])`)} < ${by.effectiveSampleSize}`,
    {
      severity: 'warning',
      wait: '15m',
      summary: '{{ $labels.policy }} learns from a few examples of each batch',
      description: 'Importance weights are so uneven that most of a batch counts for nothing: behaviour is far off.',
    },
  ),
  alert(
    'ValueBelowBaseline',
    `${rewardRate(policys, '1h')} < ${by.baselineShare} * (${rewardRate('chosen_by="baseline"', '7d')} > 0) and ${sumBy('policy', increase('feedloop_slots_joined_total', '1h', policys))} > ${ENOUGH}`,
    {
      severity: 'critical',
      wait: '30m',
      summary: '{{ $labels.policy }} earns less than the baseline did',
      description: 'Its reward a slot in an hour is below the share of that of the baseline in a week.',
    },
  ),
  alert(
    'VersionSkew',
    `${maxBy('policy', `min_over_time(${metric('feedloop_model_version', 'stage="gate"')}[5m])`)} > ${minBy('policy', metric('feedloop_model_version', 'stage="ranker"'))}`,
    {
      severity: 'warning',
      wait: '5m',
      summary: 'A ranker serves an old version of {{ $labels.policy }}',
      description: 'For 5 minutes a newer version has been released. Look at the ranker: it may not follow models.',
    },
  ),
]
