/**
 * The log: an append-only, partitioned sequence of record batches. It is the only thing that feedloop's stages share.
 *
 * Two implementations, one contract (test/log/contract.ts): `embedded/` in this process, `kafka/` on a real broker.
 * Nothing here names a technology; only `src/log/kafka/` knows Kafka.
 *
 * What the log promises, and all that the chain (`chain/`) relies on:
 * - one `append` is one batch: its records get consecutive offsets with nothing in between, or none is stored;
 * - an append whose acknowledgement is lost may or may not be stored, now or a little later (`APPEND_UNCERTAIN`);
 * - every reader sees the same records at the same offsets, in offset order;
 * - a stored record never changes; retention removes from the front only.
 * What it does not promise: that only one process writes, or that a process that lost its partition knows it.
 */

export type Headers = Readonly<Record<string, Buffer>>

export interface NewRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: Headers
  /** Milliseconds since the epoch; the log's own clock when absent. */
  readonly timestampMs?: number
}

export interface LogRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Headers
  readonly timestampMs: number
}

export interface ReadOptions {
  /** Stop collecting after about this many bytes; at least one batch is returned when there is one. Default 1 MiB. */
  readonly maxBytes?: number
  /** Wait this long for a first record before an empty answer. Default 0. */
  readonly waitMs?: number
  readonly signal?: AbortSignal
}

export interface Ends {
  /** First offset still stored. */
  readonly earliest: number
  /** Offset that the next appended record will get. */
  readonly latest: number
}

export interface TopicSpec {
  readonly topic: string
  readonly partitions: number
  readonly replicationFactor: number
  /** Kafka's own names and string values: `cleanup.policy`, `retention.ms`, `max.message.bytes` … */
  readonly config: Readonly<Record<string, string>>
}

/** A committed position: the next offset to read, with the text the group keeps beside it (we keep the chain head). */
export interface Committed {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly metadata: string
}

export interface Membership {
  /** Records progress for lag tools, autoscalers and recovery. Never the source of truth: that is the chain. */
  commit(positions: readonly Committed[]): Promise<void>
  leave(): Promise<void>
}

export interface GroupHandlers {
  /** The partitions this member now owns, of every topic of the group alike. Called on each change, in order, awaited. */
  assigned(partitions: readonly number[]): Promise<void>
  /** The membership can't go on (fatal). */
  failed(error: Error): void
}

export interface Log {
  /** Appends one batch, whole or not at all. Returns the offset of its first record.
   * @throws FeedloopError APPEND_UNCERTAIN (retryable), BATCH_TOO_LARGE, TOPIC_UNKNOWN */
  append(topic: string, partition: number, records: readonly NewRecord[]): Promise<number>
  /** Records from `offset` on, in order, of whole batches where the log has them (the first may begin before `offset`
   * inside its batch: records below `offset` are left out). Empty after `waitMs` without a record, and when aborted.
   * @throws FeedloopError OFFSET_OUT_OF_RANGE when `offset` is below the earliest or above the latest, TOPIC_UNKNOWN */
  read(topic: string, partition: number, offset: number, options?: ReadOptions): Promise<readonly LogRecord[]>
  ends(topic: string, partition: number): Promise<Ends>
  /** Offset of the first record with a timestamp at or after `timeMs`; the latest end when there is none. */
  offsetForTime(topic: string, partition: number, timeMs: number): Promise<number>
  /** @throws FeedloopError TOPIC_UNKNOWN */
  partitionCount(topic: string): Promise<number>
  /** Joins `group`: partition p of *all* `topics` always goes to the same member; as few as possible move on a change.
   * @throws FeedloopError TOPIC_MISCONFIGURED when their partition counts differ */
  join(group: string, topics: readonly string[], handlers: GroupHandlers): Promise<Membership>
  committed(group: string, topic: string): Promise<readonly Committed[]>
  /** Topics that exist, with those of their config entries that are named in `configKeys`. */
  describeTopics(topics: readonly string[], configKeys: readonly string[]): Promise<readonly TopicSpec[]>
  /** Creates those that do not exist; the others stay as they are. Resolves when all can be written to.
   * @throws FeedloopError TOPIC_MISCONFIGURED */
  createTopics(specs: readonly TopicSpec[]): Promise<void>
  /** Awaited before each step: the steps of a process let what comes over sockets in between. Absent where no record does. */
  turn?(): Promise<void>
  /** Where the log is, for people: `embedded`, `kafka 127.0.0.1:9092`. */
  readonly place: string
  /** Which log it is: a new broker at the same address, or a folder made anew, has another. */
  readonly identity: string
  close(): Promise<void>
}
