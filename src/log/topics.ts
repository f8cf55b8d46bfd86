/**
 * The topics as they must be, from src/pipeline.ts and a few settings; made (`apply`) and compared (`check`). Chained
 * topics carry the conditions of the chain: nothing is compacted away, no unclean election takes back what was
 * acknowledged, and a whole step fits into one batch. Time alone ends retention: a bound by size, which the broker's
 * default may set, would cut what recovery needs. Nothing here changes or removes a topic that exists.
 */
import { retentionMs, type Topic, type TopicName, topicName, topics } from '../pipeline.ts'
import type { Log, TopicSpec } from './log.ts'

export interface TopicSettings {
  readonly prefix: string
  /** Partitions of the per-user topics. */
  readonly partitions: number
  /** Number of policies: partitions of the topics that have one a policy. */
  readonly policies: number
  readonly replicationFactor: number
  readonly minInsyncReplicas?: number
  /** Retention of `delete` topics where it is longer than the pipeline's. */
  readonly retentionHours?: number
}

/** Readers of a compacted topic that lag less than this see every version of a key. */
const COMPACTION_LAG_MS = 3_600_000

/** Every topic of the pipeline as the bus should have it. */
export function topicSpecs(settings: TopicSettings): TopicSpec[] {
  return (Object.entries(topics) as [TopicName, Topic][]).map(([name, topic]) => ({
    topic: topicName(settings.prefix, name),
    partitions: { users: settings.partitions, policies: settings.policies, one: 1 }[topic.partitions],
    replicationFactor: settings.replicationFactor,
    config: {
      'cleanup.policy': topic.cleanup,
      'max.message.bytes': String(topic.maxBatchBytes),
      ...(topic.cleanup === 'compact'
        ? { 'min.compaction.lag.ms': String(COMPACTION_LAG_MS) }
        : { 'retention.ms': String(retentionMs({ topics: settings }, name)), 'retention.bytes': '-1' }),
      ...(topic.chained || topic.clean ? { 'unclean.leader.election.enable': 'false' } : {}),
      ...(settings.minInsyncReplicas ? { 'min.insync.replicas': String(settings.minInsyncReplicas) } : {}),
    },
  }))
}

/** Creates the topics that are missing; those that exist stay as they are (see `checkTopics`).
 * @returns which were missing
 * @throws FeedloopError TOPIC_MISCONFIGURED when the bus refuses one */
export async function applyTopics(log: Log, specs: readonly TopicSpec[]): Promise<readonly string[]> {
  const missing = await missingOf(
    log,
    specs.map(({ topic }) => topic),
  )
  await log.createTopics(specs)
  return missing
}

async function missingOf(log: Log, topics: readonly string[]): Promise<readonly string[]> {
  const found = new Set((await log.describeTopics(topics, [])).map(({ topic }) => topic))
  return topics.filter(topic => !found.has(topic))
}

/** Every difference between `specs` and the bus, one line each; empty when all is as it should be. More replicas, a longer
 * retention and a larger batch bound than asked for are no difference: they do no harm, and somebody wanted them. */
export async function checkTopics(log: Log, specs: readonly TopicSpec[]): Promise<string[]> {
  const keys = [...new Set(specs.flatMap(({ config }) => Object.keys(config)))]
  const described = await log.describeTopics(
    specs.map(({ topic }) => topic),
    keys,
  )
  const found = new Map(described.map(spec => [spec.topic, spec]))
  return specs.flatMap(spec => {
    const actual = found.get(spec.topic)
    return actual ? differences(spec, actual) : [`${spec.topic}: missing`]
  })
}

/** Those of `sources` that are not there, as lines of `checkTopics`: others write them, so nobody but their owner makes them. */
export async function checkSourceTopics(log: Log, sources: readonly string[]): Promise<string[]> {
  if (sources.length === 0) return []
  const missing = await missingOf(log, [...new Set(sources)])
  return missing.map(topic => `${topic}: missing; a topic of \`sources\`, which is yours to make`)
}

/** Values of which more is fine. -1 stands for no limit. */
const atLeast = new Set(['retention.ms', 'max.message.bytes', 'min.compaction.lag.ms', 'min.insync.replicas'])

function differences(wanted: TopicSpec, actual: TopicSpec): string[] {
  const lines: string[] = []
  const differ = (what: string, is: unknown, should: unknown) =>
    lines.push(`${wanted.topic}: ${what} is ${is}, should be ${should}`)
  if (actual.partitions !== wanted.partitions) differ('partition count', actual.partitions, wanted.partitions)
  if (actual.replicationFactor < wanted.replicationFactor)
    differ('replication factor', actual.replicationFactor, `at least ${wanted.replicationFactor}`)
  for (const [key, should] of Object.entries(wanted.config)) {
    const is = actual.config[key]
    if (atLeast.has(key)) {
      if (!(is === '-1' || Number(is) >= Number(should))) differ(key, is, `at least ${should}`)
    } else if (is !== should) differ(key, is, should)
  }
  return lines
}
