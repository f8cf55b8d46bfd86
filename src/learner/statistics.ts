/**
 * The learning statistics that are shown as metrics, by name: a closed list, so that a learner cannot make series without
 * end. A learner gives those that it has (`LearnStats.stats`); what a version has no news of it says as the one before did. What counts "so far" may begin anew with the process: nothing that
 * learns depends on it. `updates` and `refused_updates`, at whose change an alert looks, are in the checkpoint.
 */
export const learnerStatistics = {
  // terms of the loss
  loss: 'The whole loss of the last update.',
  policy_loss: "The policy's term.",
  value_loss: "The value's term.",
  advantage_loss: 'That of the foretold advantages, in units of their usual size.',
  imitation_loss: 'Cross-entropy of the logged choices.',
  choice_loss: 'Cross-entropy of what was taken of slates.',
  behaviour_loss: 'Cross-entropy of what was shown, of the head that estimates who logged.',
  // size and direction of an update
  gradient_norm: 'Norm of the gradient, before it is clipped.',
  kl: 'Estimated KL divergence of the behaviour that was logged from the policy, nats (Schulman 2020, k3).',
  entropy: 'Mean entropy of the policy on the batch, nats.',
  clipped: 'Share of the importance weights that a bound cut.',
  td_error: 'Root mean square of temporal-difference errors.',
  td_error_max: 'The largest of them.',
  value_unit: 'Usual size of what values are to be, in units of which they are learned.',
  q_mean: 'Mean value of what was chosen, with all that comes after.',
  none_probability: 'Mean probability that nothing of a slate is taken.',
  explained_variance:
    "Share of the variance of the value's targets that it explained before the update; below 0: their mean would be nearer.",
  critic_share:
    'Coefficient of the critic in the baseline, from 0 to 1: how much of it holds for decisions whose value it never learned.',
  // importance weights
  importance: 'Mean importance weight, bounded as the learner bounds it.',
  importance_weight_p99: '99th percentile of the importance weights, without bound.',
  importance_weight_max: 'The largest of them.',
  effective_sample_size: 'Share of the batch that its weights are worth, (0, 1] (Kish 1965).',
  // how old things are
  policy_lag: 'Mean number of versions since the one that decided.',
  segment_length: 'Mean decisions of a session segment.',
  target_lag: 'Gradient steps since the target network was copied.',
  stale: 'Transitions so far that were too old to be learned.',
  // what is kept
  learned: 'Revisions learned since the version before.',
  updates: 'Updates so far.',
  refused_updates: 'Updates so far that were not finite, and were left out.',
  refused_updates_kl_bound: 'Rounds so far that ended before their time, too far from who decided.',
  refused_updates_behaviour:
    'Updates so far of the head that estimates who logged that were not finite, and were left out.',
  withheld_updates_entropy_bound: 'Updates so far whose policy term was left out, for want of entropy.',
  buffer: 'Transitions kept to learn from.',
  priority_mean: 'Mean priority of what is kept.',
  priority_highest: 'The highest priority so far, which what is new gets.',
  rows: 'Rows kept to learn features from.',
  items: 'Items with a model of their own.',
  members: 'Members of the ensemble.',
  evicted: 'Items so far whose model was dropped for want of room.',
  dead_arms: 'Items that have nothing to learn from any more.',
  state_norm: 'Largest norm of a state in the step.',
  world_changes: 'Changes of the world found so far.',
  spread: 'Errors on what is new relative to what was learned.',
  waiting_evicted: 'Transitions so far that were dropped unlearned, waiting for what follows, for want of room.',
  waiting: 'Decisions whose reward is waited for.',
  waiting_overflowed: 'Decisions so far that were counted before their time for want of room.',
} as const satisfies Record<string, string>

export type LearnerStatistic = keyof typeof learnerStatistics

export const isLearnerStatistic = (name: string): name is LearnerStatistic => name in learnerStatistics
