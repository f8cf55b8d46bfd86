/**
 * The map of feedloop: every topic and every stage, in the order in which a decision flows. Topic creation and checks,
 * deploy files, docs, and the import-direction test are derived from these two constants.
 *
 *   your topics -> intake -> requests, events, items, users
 *   HTTP -> gateway -> requests, events, items; the accepted decisions (recommendations), what is refused (dead-letters) -> gateway -> HTTP
 *   items, users -> features -> features, profiles
 *   requests, events, profiles (+ features, releases, models) -> ranker -> recommendations; snapshots -> ranker
 *   recommendations, events (+ releases) -> joiner -> transitions
 *   transitions (+ features) -> learner -> models
 *   models -> gate -> releases
 */

export interface Topic {
  /** Field of the record that is the Kafka key and decides the partition (murmur2). */
  readonly key: string
  /** The record type: `schemas/<schema>.avsc`; null where values pass through as they came. */
  readonly schema: string | null
  /** `users`: co-partitioned, partition p of one joins only partition p of another. `policies`: one a policy. */
  readonly partitions: 'users' | 'policies' | 'one'
  readonly cleanup: 'delete' | 'compact'
  /** Chained: written by one task a partition through the chain (src/log/chain), read by its rule. */
  readonly chained: boolean
  /** No unclean election may take back what was acknowledged, as of a chained topic. */
  readonly clean?: true
  /** Retention in hours for `delete` topics; `topics.retentionHours` in the config may lengthen it. */
  readonly retentionHours: number
  readonly maxBatchBytes: number
  readonly holds: string
}

const MiB = 1 << 20
const week = 7 * 24
const perUser = {
  key: 'user_id',
  partitions: 'users',
  cleanup: 'delete',
  retentionHours: week,
  maxBatchBytes: 2 * MiB,
} as const

export const topics = {
  items: {
    key: 'item_id',
    schema: 'Item',
    partitions: 'one',
    cleanup: 'compact',
    chained: false,
    retentionHours: 0,
    maxBatchBytes: MiB,
    holds: 'the catalogue: id, text, attributes',
  },
  users: {
    ...perUser,
    schema: 'UserProfile',
    cleanup: 'compact',
    chained: false,
    holds: 'profiles: id, text, attributes',
  },
  features: {
    key: 'feature_key',
    schema: 'ItemFeatures',
    partitions: 'one',
    cleanup: 'compact',
    chained: false,
    retentionHours: 0,
    maxBatchBytes: 2 * MiB,
    holds: 'item vectors, each version as long as a decision that names it can be learned',
  },
  profiles: {
    ...perUser,
    schema: 'UserFeatures',
    cleanup: 'compact',
    chained: false,
    holds: 'user vectors with their versions',
  },
  snapshots: {
    ...perUser,
    schema: 'UserSnapshot',
    cleanup: 'compact',
    chained: false,
    // a floor speaks of what is before it
    clean: true,
    holds: "users' states as the ranker keeps them, for whoever takes a partition over",
  },
  requests: { ...perUser, schema: 'Request', chained: false, holds: 'what is to be decided' },
  events: { ...perUser, schema: 'BehaviorEvent', chained: false, holds: 'what people did' },
  // A decision repeats its request's context and names its candidates; its transitions repeat both, one a slot.
  recommendations: {
    ...perUser,
    maxBatchBytes: 4 * MiB,
    schema: 'Recommendation',
    chained: true,
    holds: 'decisions, with how they were chosen',
  },
  transitions: {
    ...perUser,
    maxBatchBytes: 8 * MiB,
    schema: 'Transition',
    chained: true,
    holds: 'decisions joined with outcomes, as revisions',
  },
  models: {
    key: 'policy',
    schema: 'ModelVersion',
    partitions: 'policies',
    cleanup: 'delete',
    chained: true,
    retentionHours: week,
    maxBatchBytes: 16 * MiB,
    holds: 'model versions, each a checkpoint',
  },
  releases: {
    key: 'policy',
    schema: 'Release',
    partitions: 'one',
    cleanup: 'delete',
    chained: true,
    retentionHours: 52 * week,
    maxBatchBytes: MiB,
    holds: 'which versions serve, and on what evidence',
  },
  'dead-letters': {
    key: 'origin',
    schema: null,
    partitions: 'one',
    cleanup: 'delete',
    chained: false,
    retentionHours: 4 * week,
    // Any record that fits elsewhere, with the headers that say why.
    maxBatchBytes: 8 * MiB,
    holds: 'records that were refused, as they came',
  },
} as const satisfies Record<string, Topic>

export type TopicName = keyof typeof topics

export interface StageEntry {
  readonly stage: string
  /** Inputs that the stage's progress covers. */
  readonly reads: readonly TopicName[]
  /** Inputs that every instance reads whole, outside the assigner. */
  readonly broadcast: readonly TopicName[]
  readonly writes: readonly TopicName[]
  /** Its own state, for whoever takes a partition over: written and read by nobody else. */
  readonly keeps?: readonly TopicName[]
  /** Outputs that it reads again though they are no chain of its own: what was asked, what was published. */
  readonly rereads?: readonly TopicName[]
  /** `chain`: one task an output partition, exactly once. `forward`: at least once, idempotent by key. */
  readonly runs: 'chain' | 'forward'
  readonly does: string
  readonly step: string
}

export const pipeline = [
  {
    stage: 'intake',
    reads: [],
    broadcast: [],
    writes: ['requests', 'events', 'items', 'users'],
    runs: 'forward',
    does: 'maps, validates and re-keys your own topics',
    step: 'src/intake/step.ts',
  },
  {
    stage: 'gateway',
    reads: [],
    broadcast: ['recommendations', 'dead-letters'],
    writes: ['requests', 'events', 'items'],
    rereads: ['requests'],
    runs: 'forward',
    does: 'the HTTP door: asks on requests, answers with the accepted decision',
    step: 'src/gateway/step.ts',
  },
  {
    stage: 'features',
    reads: ['items', 'users'],
    broadcast: [],
    writes: ['features', 'profiles'],
    rereads: ['features', 'profiles'],
    runs: 'forward',
    does: 'turns texts and attributes into versioned vectors',
    step: 'src/features/step.ts',
  },
  {
    stage: 'ranker',
    reads: ['requests', 'events', 'profiles'],
    broadcast: ['features', 'releases', 'models'],
    writes: ['recommendations'],
    keeps: ['snapshots'],
    runs: 'chain',
    does: 'keeps user state, scores, explores, logs the decision',
    step: 'src/ranker/step.ts',
  },
  {
    stage: 'joiner',
    reads: ['recommendations', 'events'],
    // what serves whom, for its metrics alone
    broadcast: ['releases'],
    writes: ['transitions'],
    runs: 'chain',
    does: 'joins decisions with outcomes',
    step: 'src/transitions/step.ts',
  },
  {
    stage: 'learner',
    reads: ['transitions'],
    broadcast: ['features'],
    writes: ['models'],
    runs: 'chain',
    does: 'updates the policy, publishes versions',
    step: 'src/learner/step.ts',
  },
  {
    stage: 'gate',
    reads: ['models'],
    broadcast: [],
    writes: ['releases'],
    runs: 'chain',
    does: 'lets a version serve, or not',
    step: 'src/gate/step.ts',
  },
] as const satisfies readonly StageEntry[]

export type StageName = (typeof pipeline)[number]['stage']

export const stageEntry = (stage: StageName): StageEntry => pipeline.find(entry => entry.stage === stage)!

const HOUR_MS = 3_600_000

/** How long records of a `delete` topic are kept, ms: what the topic needs, or longer by `topics.retentionHours`. */
export const retentionMs = (config: { topics: { retentionHours?: number } }, topic: TopicName): number =>
  Math.max(topics[topic].retentionHours, config.topics.retentionHours ?? 0) * HOUR_MS

/** The topic's name on the bus. */
export const topicName = (prefix: string, topic: TopicName): string => `${prefix}${topic}`

/** The consumer group that reads `topic` for a stage. The catalogue has one partition and people have many, so the
 * features stage shares them out in two groups. */
export const groupName = (prefix: string, stage: StageName, topic: TopicName): string =>
  stage === 'features' && topic === 'items' ? `${prefix}features-items` : `${prefix}${stage}`

/** The consumer group of intake over a topic of yours. */
export const intakeGroup = (prefix: string, topic: string): string => `${prefix}intake.${topic}`
