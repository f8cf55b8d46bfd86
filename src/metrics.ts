/**
 * The one metric table. Base units, `_total` on counters, no ids in labels. docs/metrics.md is checked against it;
 * Prometheus rules and the dashboard are generated from it.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client'

export interface MetricEntry {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels?: readonly string[]
  readonly buckets?: readonly number[]
}

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600]

export const metricTable = {
  // bus and chain
  feedloop_records_consumed_total: {
    type: 'counter',
    help: 'Input records covered by accepted steps.',
    labels: ['stage', 'topic'],
  },
  feedloop_records_produced_total: {
    type: 'counter',
    help: 'Output records of accepted steps.',
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
    buckets: seconds,
  },
  feedloop_lag_records: {
    type: 'gauge',
    help: 'Records between progress and log end.',
    labels: ['stage', 'topic', 'partition'],
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
  // ranker
  feedloop_decisions_total: {
    type: 'counter',
    help: 'Decisions by mode and who chose.',
    labels: ['mode', 'chosen_by'],
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
    buckets: seconds,
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
  feedloop_decision_seconds: { type: 'histogram', help: 'Request time to decision time.', buckets: seconds },
  feedloop_serving_model: {
    type: 'gauge',
    help: 'Number of the model version that serves; 0: the initial policy.',
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
  feedloop_open_joins: { type: 'gauge', help: 'Decisions that may still get outcomes.', labels: ['partition'] },
  // learner
  feedloop_learned_total: {
    type: 'counter',
    help: 'Transition revisions by result: learned, refused or late_unlearned.',
    labels: ['policy', 'result'],
  },
  feedloop_learner_refused_total: {
    type: 'counter',
    help: 'Transitions not learned, by reason.',
    labels: ['policy', 'reason'],
  },
  feedloop_model_version: { type: 'gauge', help: 'Number of the newest version published.', labels: ['policy'] },
  feedloop_learner_update_seconds: {
    type: 'histogram',
    help: 'Time of one update.',
    labels: ['policy'],
    buckets: seconds,
  },
  feedloop_learner_stat: {
    type: 'gauge',
    help: 'Last value of a learning statistic: loss, gradient norm, entropy …',
    labels: ['policy', 'stat'],
  },
  feedloop_freshness_seconds: {
    type: 'histogram',
    help: 'Age of an outcome when it first was in a transition, in a model version (update), in a serving version.',
    labels: ['until'],
    buckets: seconds,
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
    buckets: seconds,
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
  feedloop_encoder_seconds: { type: 'histogram', help: 'Time of one encoder call.', buckets: seconds },
  feedloop_catalogue_items: { type: 'gauge', help: 'Items known to this process.' },
  // gate
  feedloop_releases_total: {
    type: 'counter',
    help: 'Releases by reason: promoted, passed, refused, repeated or manual.',
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

export interface Meter {
  readonly registry: Registry<OpenMetricsContentType>
  add(name: MetricName, labels?: Record<string, string>, value?: number): void
  set(name: MetricName, labels: Record<string, string>, value: number): void
  observe(name: MetricName, labels: Record<string, string>, seconds: number): void
  /** Takes back a gauge that this process has no say in any more: of a partition that another member took over. */
  remove(name: MetricName, labels: Record<string, string>): void
}

/** A registry with every metric of the table, rendered in one format (OpenMetrics) for the life of the process. */
export function createMeter(options: { processMetrics?: boolean } = {}): Meter {
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const metrics = new Map<string, Counter | Gauge | Histogram>()
  for (const [name, entry] of Object.entries(metricTable) as [string, MetricEntry][]) {
    const common = {
      help: entry.help,
      labelNames: [...(entry.labels ?? [])],
      registers: [registry as unknown as Registry],
    }
    if (entry.type === 'counter') metrics.set(name, new Counter({ name, ...common }))
    else if (entry.type === 'gauge') metrics.set(name, new Gauge({ name, ...common }))
    else metrics.set(name, new Histogram({ name, ...common, buckets: [...(entry.buckets ?? seconds)] }))
  }
  if (options.processMetrics) collectDefaultMetrics({ register: registry as unknown as Registry })
  return {
    registry,
    add: (name, labels = {}, value = 1) => (metrics.get(name) as Counter).inc(labels, value),
    set: (name, labels, value) => (metrics.get(name) as Gauge).set(labels, value),
    observe: (name, labels, value) => (metrics.get(name) as Histogram).observe(labels, value),
    remove: (name, labels) => (metrics.get(name) as Gauge).remove(labels),
  }
}
