/**
 * What an audit reads: partitions up to the ends that they had when it began, chained topics by the reader's rule, and
 * of the dead letters their codes by origin. Values that do not decode are null.
 *
 * Ends are taken downstream first, so that whatever a step covers stands below the ends of its inputs, and dead letters
 * are read last, so that every refusal of a step is there: that is why an audit may run beside the services.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Config } from '../../config.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Batch } from '../../log/chain/batches.ts'
import { decodeOrPass } from '../../log/chain/codec.ts'
import { openFeed } from '../../log/chain/feed.ts'
import type { StepHeader } from '../../log/chain/header.ts'
import { realRim } from '../../log/chain/rim.ts'
import { chainRules } from '../../log/chain/rules.ts'
import { parseDeadLetter } from '../../log/deadletters.ts'
import type { Log, LogRecord } from '../../log/log.ts'
import type { Wire } from '../../log/wire/wire.ts'
import { type StageName, type TopicName, topicName } from '../../pipeline.ts'

export interface AuditSource {
  readonly log: Log
  readonly wire: Wire
  readonly config: Config
  /** Of the topic names. */
  readonly prefix: string
}

export interface Read<T> {
  readonly offset: number
  readonly value: T | null
}

export interface ChainRead {
  /** Of the last accepted batch; null when there is none. */
  readonly header: StepHeader | null
  readonly skippedBatches: number
}

/** A read may wait for the round of others that is at the broker (src/log/kafka/fetch.ts), so few large ones. */
const READ = { waitMs: 50, maxBytes: 4 << 20 }
const rim = realRim()

/** A record's value; null when it does not decode. */
export const decoded = <T>({ log, wire }: AuditSource, topic: TopicName, record: LogRecord): Promise<T | null> =>
  decodeOrPass<T>({ log, rim, rules: chainRules }, { wire }, topic, record)

export interface Part {
  readonly topic: TopicName
  readonly partition: number
  /** Up to this offset; the log's end when absent. */
  readonly until?: number
}

/** The records of an unchained partition as they stand. */
export async function* recordsOf(
  { log, prefix }: AuditSource,
  { topic, partition, until }: Part,
): AsyncGenerator<LogRecord> {
  const name = topicName(prefix, topic)
  const { earliest, latest } = await log.ends(name, partition)
  const end = Math.min(latest, until ?? latest)
  for (let offset = earliest; offset < end; ) {
    const records = await log.read(name, partition, offset, READ)
    await turn() // reads of the embedded log never leave the microtasks: what redraws a screen would starve
    for (const record of records) if (record.offset < end) yield record
    // a read below the end may come back empty where control records or compaction left nothing
    offset = records.length > 0 ? records.at(-1)!.offset + 1 : end
  }
}

/** The accepted batches of a chained partition that begin below `until`. `skipped` is called with the others' number.
 * @throws FeedloopError CHAIN_IDENTITY_LOST, CHAIN_HEADER_INVALID */
export async function* batchesOf(
  source: AuditSource,
  { topic, partition, until }: Part,
  skipped: (batches: number) => void = () => {},
): AsyncGenerator<Batch> {
  const io = { log: source.log, rim, rules: chainRules }
  const at = { topic: topicName(source.prefix, topic), partition }
  const end = until ?? (await source.log.ends(at.topic, partition)).latest
  const feed = await openFeed(io, at, null)
  do {
    const batches = await feed.poll(READ)
    await turn()
    for (const batch of batches) if (batch.head.offset < end) yield batch
  } while (!feed.atEnd && feed.offset < end)
  skipped(feed.reader.skipped)
}

/** Shows `visit` each accepted record of a chained partition, in order.
 * @throws FeedloopError CHAIN_IDENTITY_LOST, CHAIN_HEADER_INVALID */
export async function readChain(
  source: AuditSource,
  topic: TopicName,
  partition: number,
  visit: (record: LogRecord) => Promise<void> | void,
): Promise<ChainRead> {
  let header: StepHeader | null = null
  let skippedBatches = 0
  for await (const batch of batchesOf(source, { topic, partition }, count => (skippedBatches = count))) {
    header = batch.header
    for (const record of batch.records) await visit(record)
  }
  return { header, skippedBatches }
}

/** Codes of the dead letters by where the record came from; copies of one origin are one. Some 50 bytes a letter. */
export interface DeadLetters {
  code(stage: StageName, topic: TopicName, partition: number, offset: number): ErrorCode | undefined
}

export async function readDeadLetters(source: AuditSource): Promise<DeadLetters> {
  const letters = new Map<string, Map<number, ErrorCode>>()
  for await (const record of recordsOf(source, { topic: 'dead-letters', partition: 0 })) {
    const letter = parseDeadLetter(record)
    if (!letter) continue
    const of = `${letter.stage} ${letter.topic} ${letter.partition}`
    if (!letters.has(of)) letters.set(of, new Map())
    letters.get(of)!.set(letter.offset, letter.code)
  }
  return {
    code: (stage, topic, partition, offset) =>
      letters.get(`${stage} ${topicName(source.prefix, topic)} ${partition}`)?.get(offset),
  }
}

/** The next offset that a step's progress has of an input; 0 without progress. */
export const nextOf = (header: StepHeader | null, topic: TopicName, partition: number): number =>
  header?.inputs.find(input => input.topic === topic && input.partition === partition)?.next ?? 0
