/**
 * The log in this process: for tests, simulations and the demo without a broker; optionally on disk, where it outlives a
 * crash of the process (see segments.ts). It keeps the contract of log.ts exactly, and never acknowledges late, twice or
 * not at all: faults are put around it by those who test for them. It holds all records in memory and neither expires
 * nor compacts by itself.
 */
import { randomUUID } from 'node:crypto'
import { FeedloopError } from '../../errors.ts'
import type { Committed, Log, LogRecord, NewRecord, TopicSpec } from '../log.ts'
import { createGroups } from './groups.ts'
import { BATCH_OVERHEAD, type Batch, Partition, recordBytes } from './partition.ts'
import { openStorage, type Storage } from './storage.ts'

export interface EmbeddedLog extends Log {
  /** Removes every record below `offset`, as retention would. */
  truncateFront(topic: string, partition: number, offset: number): void
  /** Removes every batch that reaches beyond `offset`, as an unclean election would. */
  truncateTail(topic: string, partition: number, offset: number): void
}

export interface EmbeddedOptions {
  /** Where segment files are kept; in memory only when absent. */
  readonly folder?: string
  /** The log's clock, ms since the epoch. */
  readonly now?: () => number
  readonly segmentBytes?: number
}

/** What a topic's config says when its spec does not: Kafka's own defaults. */
const topicDefaults: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'retention.ms': String(7 * 24 * 3600 * 1000),
  'retention.bytes': '-1',
  'max.message.bytes': String((1 << 20) + 12),
  'min.compaction.lag.ms': '0',
  'min.insync.replicas': '1',
  'unclean.leader.election.enable': 'false',
}

interface Topic {
  readonly spec: TopicSpec
  readonly maxBatchBytes: number
  readonly partitions: readonly Partition[]
}

/** Opens the log.
 * @throws FeedloopError LOG_CORRUPT when `folder` holds a damaged segment; LOG_UNAVAILABLE when another process has it open */
export function openEmbeddedLog(options: EmbeddedOptions = {}): EmbeddedLog {
  const now = options.now ?? Date.now
  const storage: Storage | undefined = options.folder ? openStorage(options.folder, options.segmentBytes) : undefined
  const topics = new Map<string, Topic>()
  const groups = createGroups((group, positions) => storage?.saveCommit(group, positions))
  let closed = false

  const openTopic = (spec: TopicSpec) => {
    const maxBatchBytes = Number(spec.config['max.message.bytes'] ?? topicDefaults['max.message.bytes'])
    const partitions = Array.from({ length: spec.partitions }, (_, p) => {
      const stored = storage?.partition(spec.topic, p)
      return new Partition(`${spec.topic}/${p}`, stored?.batches, stored)
    })
    topics.set(spec.topic, { spec, maxBatchBytes, partitions })
  }
  const topicOf = (name: string): Topic => {
    if (closed) throw new FeedloopError('LOG_UNAVAILABLE', 'the log is closed')
    const topic = topics.get(name)
    if (!topic) throw new FeedloopError('TOPIC_UNKNOWN', name)
    return topic
  }
  const partitionOf = (topic: string, partition: number): Partition => {
    const found = topicOf(topic).partitions[partition]
    if (!found) throw new FeedloopError('TOPIC_UNKNOWN', `${topic} has no partition ${partition}`)
    return found
  }
  const toBatch = (topic: string, partition: number, records: readonly NewRecord[], baseOffset: number): Batch => ({
    baseOffset,
    bytes: BATCH_OVERHEAD + records.reduce((sum, record) => sum + recordBytes(record), 0),
    records: records.map(
      ({ key, value, headers = {}, timestampMs = now() }, i): LogRecord => ({
        topic,
        partition,
        offset: baseOffset + i,
        key,
        value,
        headers,
        timestampMs,
      }),
    ),
  })

  for (const spec of storage?.topics() ?? []) openTopic(spec)
  for (const { group, positions } of storage?.commits() ?? []) groups.restore(group, positions)

  return {
    place: options.folder ? `embedded ${options.folder}` : 'embedded',
    identity: storage?.identity ?? randomUUID(),
    async append(topic, partition, records) {
      const target = partitionOf(topic, partition)
      const baseOffset = target.ends.latest
      if (records.length === 0) return baseOffset
      const batch = toBatch(topic, partition, records, baseOffset)
      const { maxBatchBytes } = topicOf(topic)
      if (batch.bytes > maxBatchBytes)
        throw new FeedloopError('BATCH_TOO_LARGE', `${topic}: ${batch.bytes} bytes, ${maxBatchBytes} allowed`)
      storage?.partition(topic, partition).append(batch)
      target.add(batch)
      return baseOffset
    },
    read: async (topic, partition, offset, readOptions = {}) => {
      const records = await partitionOf(topic, partition).read(offset, readOptions)
      if (closed) throw new FeedloopError('LOG_UNAVAILABLE', 'the log is closed')
      return records
    },
    ends: async (topic, partition) => partitionOf(topic, partition).ends,
    offsetForTime: async (topic, partition, timeMs) => partitionOf(topic, partition).offsetForTime(timeMs),
    partitionCount: async topic => topicOf(topic).spec.partitions,
    async join(group, names, handlers) {
      const counts = new Set(names.map(name => topicOf(name).spec.partitions))
      if (counts.size !== 1)
        throw new FeedloopError(
          'TOPIC_MISCONFIGURED',
          `${names.join(', ')}: partition counts ${[...counts].join(', ')}`,
        )
      return groups.join(group, [...counts][0], handlers)
    },
    committed: async (group, topic): Promise<readonly Committed[]> => groups.committed(group, topic),
    async describeTopics(names, configKeys) {
      const known = names.map(name => topics.get(name)?.spec).filter(spec => spec !== undefined)
      return known.map(spec => ({ ...spec, config: pick({ ...topicDefaults, ...spec.config }, configKeys) }))
    },
    async createTopics(specs) {
      for (const spec of specs) {
        if (topics.has(spec.topic)) continue
        if (!/^[\w.-]{1,249}$/.test(spec.topic) || spec.partitions < 1)
          throw new FeedloopError('TOPIC_MISCONFIGURED', `${spec.topic}: ${spec.partitions} partitions`)
        storage?.saveTopic(spec)
        openTopic(spec)
      }
    },
    truncateFront(topic, partition, offset) {
      const target = partitionOf(topic, partition)
      target.truncateFront(offset)
      storage?.partition(topic, partition).truncateFront(target.ends.earliest)
    },
    truncateTail(topic, partition, offset) {
      const latest = partitionOf(topic, partition).truncateTail(offset)
      storage?.partition(topic, partition).truncateTail(latest)
    },
    async close() {
      if (closed) return
      closed = true
      for (const topic of topics.values()) for (const partition of topic.partitions) partition.close()
      await groups.close()
      storage?.close()
    },
  }
}

const pick = (config: Readonly<Record<string, string>>, keys: readonly string[]): Record<string, string> =>
  Object.fromEntries(keys.filter(key => key in config).map(key => [key, config[key]]))
