/**
 * The one metric table. Base units, `_total` on counters, no ids in labels. docs/metrics.md is checked against it;
 * Prometheus rules and the dashboards are generated from it.
 */
export interface MetricEntry {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels?: readonly string[]
  readonly buckets?: readonly number[]
  /** Of a gauge without labels whose 0 would be a finding: it has no series before it is set. */
  readonly untilSet?: 'absent'
}

/** Of a histogram that names none, s. */
export const secondsBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600]

export const metricTable = {
  // bus and chain
  feedloop_records_consumed_total: {
    type: 'counter',
    help: 'Input records that are done: covered by accepted steps or, without a chain (features, intake), taken over whole.',
    labels: ['stage', 'topic', 'partition'],
  },
  feedloop_records_produced_total: {
    type: 'counter',
    help: 'Output records of accepted steps or, without a chain, acknowledged.',
    labels: ['stage', 'topic'],
  },
  feedloop_steps_total: { type: 'counter', help: 'Steps by result: accepted or lost.', labels: ['stage', 'result'] },
  feedloop_chain_skipped_batches_total: {
    type: 'counter',
    help: "Batches skipped by the reader's rule.",
    labels: ['stage', 'topic'],
  },
  feedloop_step_seconds: {
    type: 'histogram',
    help: 'Time of one step, append included.',
    labels: ['stage'],
    buckets: secondsBuckets,
  },
  feedloop_lag_records: {
    type: 'gauge',
    help: 'Records between progress and log end, by topic: of intake the one of yours.',
    labels: ['stage', 'topic', 'partition'],
  },
  feedloop_lag_seconds: {
    type: 'gauge',
    help: 'How long the oldest record that is not yet done has waited since it was written; 0: none waits.',
    labels: ['stage', 'topic', 'partition'],
  },
  feedloop_watermark_timestamp_seconds: {
    type: 'gauge',
    help: 'Event time up to which a task believes to have seen all inputs, as of its last accepted step, Unix time.',
    labels: ['stage', 'partition'],
  },
  feedloop_rebalances_total: {
    type: 'counter',
    help: 'Assignments of partitions that this process was given, the first included.',
    labels: ['stage'],
  },
  feedloop_commit_failures_total: {
    type: 'counter',
    help: "Commits of the group's positions that failed; they are tried again. What was done is in the chain.",
    labels: ['stage'],
  },
  feedloop_state_bytes: {
    type: 'gauge',
    help: 'Bytes of local state: of the file on disk, or of what tables hold in memory outside of the heap.',
    labels: ['stage', 'partition'],
  },
  feedloop_tasks: {
    type: 'gauge',
    help: 'Tasks owned by this process, by state: recovering or running.',
    labels: ['stage', 'state'],
  },
  feedloop_recovery_progress: {
    type: 'gauge',
    help: 'Share of the own output that recovery has folded; 1 when it is done.',
    labels: ['stage', 'partition'],
  },
  feedloop_state_dropped_total: {
    type: 'counter',
    help: 'Local states that were dropped and are rebuilt from the topics: version, torn, crashed, unfinished, not_in_chain or behind_retention.',
    labels: ['stage', 'reason'],
  },
  feedloop_snapshots_written_total: {
    type: 'counter',
    help: "Users' states (and pages of decided ids) written to `snapshots`.",
  },
  feedloop_snapshots_waiting: {
    type: 'gauge',
    help: 'Rows that changed since the log had a snapshot of them.',
    labels: ['partition'],
  },
  feedloop_snapshot_load_progress: {
    type: 'gauge',
    help: 'Share of `snapshots` that a ranker without local state has read; 1 when it is done.',
    labels: ['partition'],
  },
  feedloop_snapshots_shadowed_total: {
    type: 'counter',
    help: 'Snapshots passed over because a late rival wrote them; what compaction left of the users is lost but for the topics.',
  },
  feedloop_snapshots_unreadable_total: {
    type: 'counter',
    help: 'Records of `snapshots` that could not be read: what is known of those users is what the topics hold. An unreadable floor makes all void.',
  },
  feedloop_dead_letters_total: { type: 'counter', help: 'Refused records by code.', labels: ['stage', 'code'] },
  // Kafka's client
  feedloop_kafka_request_seconds: {
    type: 'histogram',
    help: 'Time from sending a request to a broker to its answer. A Fetch waits at the broker for records to come.',
    labels: ['api'],
    buckets: secondsBuckets,
  },
  feedloop_kafka_request_failures_total: {
    type: 'counter',
    help: 'Requests to brokers without an answer: connection lost, or timed out. They are tried again.',
    labels: ['api'],
  },
  feedloop_kafka_received_bytes_total: {
    type: 'counter',
    help: 'Bytes of answers of brokers.',
    labels: ['api'],
  },
  // ranker
  feedloop_decisions_total: {
    type: 'counter',
    help: 'Decisions by mode and who chose.',
    labels: ['mode', 'chosen_by'],
  },
  feedloop_draws_total: {
    type: 'counter',
    help: "Slates that the policy drew, by what its first draw was: the likeliest candidate or another (the share of exploration). `bin`: the likeliest candidate's probability, rounded down to tenths.",
    labels: ['policy', 'bin', 'drawn'],
  },
  feedloop_draws_expected_total: {
    type: 'counter',
    help: 'Sum of the logged probabilities of the likeliest candidate: so many first draws should have been it. The difference to `feedloop_draws_total{drawn="likeliest"}` by bin is the error of calibration.',
    labels: ['policy', 'bin'],
  },
  feedloop_draw_entropy_nats_total: {
    type: 'counter',
    help: 'Sum of the entropies of first draws, in nats, of one in eight decisions.',
    labels: ['policy'],
  },
  feedloop_draw_entropy_limit_nats_total: {
    type: 'counter',
    help: "Sum of the logarithms of the same decisions' numbers of candidates that could be drawn: the most that their entropies could be.",
    labels: ['policy'],
  },
  feedloop_catalogue_shown_items: {
    type: 'gauge',
    help: 'Different items that this process showed in the last full hour or since it began, whichever are more. Its share of the catalogue is the coverage.',
  },
  feedloop_requests_duplicate_total: { type: 'counter', help: 'Requests whose id was decided before.' },
  feedloop_requests_unanswerable_total: {
    type: 'counter',
    help: 'Requests answered with an empty slate, by reason.',
    labels: ['reason'],
  },
  feedloop_requests_shed_total: {
    type: 'counter',
    help: 'Requests shed under load, by what they got: baseline or empty.',
    labels: ['answer'],
  },
  feedloop_shadow_slots_total: {
    type: 'counter',
    help: "Items that an apprentice would have shown, by what the baseline did: the same place, elsewhere or absent. The match rate is same's share.",
    labels: ['policy', 'result'],
  },
  feedloop_candidates_dropped_total: {
    type: 'counter',
    help: 'Candidates of requests left out, by reason: unknown, unavailable or filtered.',
    labels: ['reason'],
  },
  feedloop_conditions_failed_total: {
    type: 'counter',
    help: 'Conditions that could not be evaluated for an item (an attribute that it has not, or of another type), and were taken as not met.',
    labels: ['condition'],
  },
  feedloop_retrieval_seconds: {
    type: 'histogram',
    help: 'Time that a step waits for the thread that looks for candidates in a large catalogue.',
    buckets: secondsBuckets,
  },
  feedloop_retrieval_behind_items: {
    type: 'gauge',
    help: 'Items of the catalogue that are not yet where the newest version places them.',
    labels: ['policy'],
  },
  feedloop_events_duplicate_total: {
    type: 'counter',
    help: "Events whose id was in the person's history already: not counted twice in the state.",
  },
  feedloop_decision_seconds: { type: 'histogram', help: 'Request time to decision time.', buckets: secondsBuckets },
  feedloop_model_version: {
    type: 'gauge',
    help: 'Number of the newest model version by who says so: published (learner), released (gate), serving (ranker). 0: the initial policy.',
    labels: ['stage', 'policy'],
  },
  feedloop_model_created_timestamp_seconds: {
    type: 'gauge',
    help: 'When the newest version that serves was made, Unix time. Its age is what time has passed since.',
    labels: ['policy'],
  },
  feedloop_model_fallbacks_total: {
    type: 'counter',
    help: 'Versions with a share of the traffic that could not be had any more: their users get what the others get.',
    labels: ['policy'],
  },
  feedloop_models_refused_total: {
    type: 'counter',
    help: 'Model versions refused, by code.',
    labels: ['stage', 'code'],
  },
  // joiner
  feedloop_outcomes_total: {
    type: 'counter',
    help: 'Outcomes by fate: joined, correction, duplicate, orphan, quarantined, organic, forgotten.',
    labels: ['fate'],
  },
  feedloop_outcomes_attributed_total: {
    type: 'counter',
    help: 'Outcomes joined, by way of attribution: decision (named), last-touch, first-touch, even-split.',
    labels: ['way'],
  },
  feedloop_decisions_joined_total: {
    type: 'counter',
    help: 'Decisions by fate: opened, inactive, expired, shed, duplicate, quarantined, forgotten.',
    labels: ['fate'],
  },
  feedloop_transitions_total: { type: 'counter', help: 'Transition revisions by kind.', labels: ['kind'] },
  feedloop_slots_joined_total: {
    type: 'counter',
    help: 'Slots shown whose first transition was written, by policy, mode, who chose and version (initial: the initial policy; following: a learned one; pinned: one with a share of its own).',
    labels: ['policy', 'mode', 'chosen_by', 'version'],
  },
  feedloop_slots_reward_total: {
    type: 'counter',
    help: 'Rewards of those slots, weighed by component as the policy does. Less the penalties, by slot joined, it is the reward rate.',
    labels: ['policy', 'mode', 'chosen_by', 'version'],
  },
  feedloop_slots_penalty_total: {
    type: 'counter',
    help: 'What lowered them: retractions and negative rewards.',
    labels: ['policy', 'mode', 'chosen_by', 'version'],
  },
  feedloop_open_joins: { type: 'gauge', help: 'Decisions that may still get outcomes.', labels: ['partition'] },
  // learner
  feedloop_learned_total: {
    type: 'counter',
    help: 'Transition revisions by result: learned, refused or late_unlearned.',
    labels: ['policy', 'result'],
  },
  feedloop_learner_refused_total: {
    type: 'counter',
    help: 'Transitions not learned, by reason: docs/runbooks/LearnerRefusing.md says what each means.',
    labels: ['policy', 'reason'],
  },
  feedloop_learner_updates_total: {
    type: 'counter',
    help: 'Versions published: one an accepted step.',
    labels: ['policy'],
  },
  feedloop_learner_update_seconds: {
    type: 'histogram',
    help: 'Time that learning took for one version, all steps since the one before.',
    labels: ['policy'],
    buckets: secondsBuckets,
  },
  feedloop_learner_stat: {
    type: 'gauge',
    help: 'Last value of a learning statistic: terms of the loss, gradient norm, KL, entropy, importance weights, effective sample size … The list below is closed.',
    labels: ['policy', 'stat'],
  },
  feedloop_learner_not_finite_total: {
    type: 'counter',
    help: 'Learning statistics that were not finite, by which.',
    labels: ['policy', 'stat'],
  },
  feedloop_freshness_seconds: {
    type: 'histogram',
    help: 'Age of an outcome when it first was in a transition, in a model version (update), in a version that serves (serving), in one that decided (decision: end to end).',
    labels: ['until'],
    buckets: secondsBuckets,
  },
  feedloop_reward_sum_total: {
    type: 'counter',
    help: 'Positive parts of rewards joined, by component.',
    labels: ['component'],
  },
  // gateway
  feedloop_gateway_requests_total: {
    type: 'counter',
    help: 'HTTP calls answered, by route and status code; 499: the caller left before.',
    labels: ['route', 'code'],
  },
  feedloop_gateway_request_seconds: {
    type: 'histogram',
    help: 'Time of one HTTP call.',
    labels: ['route'],
    buckets: secondsBuckets,
  },
  feedloop_gateway_waiting: { type: 'gauge', help: 'HTTP calls that wait for the log or for a decision.' },
  feedloop_gateway_shed_total: {
    type: 'counter',
    help: 'HTTP calls refused with 503, by reason: full, log, ranker (nobody decides, or has the user) or not_ready.',
    labels: ['reason'],
  },
  feedloop_gateway_answers_total: {
    type: 'counter',
    help: 'Recommendations by kind: fresh, repeated (decided before) or unlogged (a baseline, never learned).',
    labels: ['kind'],
  },
  // features
  feedloop_encoded_total: {
    type: 'counter',
    help: 'Texts encoded, by result: encoded, unchanged, fallback, waiting or refused.',
    labels: ['what', 'result'],
  },
  feedloop_encoder_seconds: { type: 'histogram', help: 'Time of one encoder call.', buckets: secondsBuckets },
  feedloop_catalogue_items: { type: 'gauge', help: 'Items known to this process.' },
  // `feedloop watch`
  feedloop_heartbeats_sent_total: { type: 'counter', help: 'Heartbeats sent, one a partition a time.' },
  feedloop_heartbeat_timestamp_seconds: {
    type: 'gauge',
    help: "Time of the newest heartbeat that the partition's newest decision on a heartbeat knew of, Unix time. What has passed since is the age of the whole way: request, decision, outcome, transition, model version, release, decision.",
    labels: ['partition'],
  },
  feedloop_accounting_differences: {
    type: 'gauge',
    help: 'Differences that the last audit found; 0: every decision and every outcome is accounted for. No series: no audit ended in this process.',
    untilSet: 'absent',
  },
  feedloop_accounting_records: {
    type: 'gauge',
    help: 'What the last audit found, by account (requests, decisions, outcomes, transitions …) and fate.',
    labels: ['account', 'fate'],
  },
  feedloop_accounting_timestamp_seconds: { type: 'gauge', help: 'When the last audit ended, Unix time.' },
  // gate
  feedloop_gate_kl_nats: {
    type: 'gauge',
    help: 'Mean KL divergence of the version judged last from the one that serves, on the probes of the gate.',
    labels: ['policy'],
  },
  feedloop_releases_total: {
    type: 'counter',
    help: 'Releases by reason: promoted, passed, refused, repeated, manual, or rollback (an order after which an older version serves).',
    labels: ['reason'],
  },
  // intake
  feedloop_intake_records_total: {
    type: 'counter',
    help: 'Source records by source and result: mapped, skipped, or refused (by any mapping of its topic).',
    labels: ['source', 'result'],
  },
} as const satisfies Record<string, MetricEntry>

export type MetricName = keyof typeof metricTable
