/**
 * What an audit reads: a partition's records up to the end that it had when reading began, chained topics by the
 * reader's rule, and the dead letters by origin. Values that do not decode are kept as null.
 */
import type { Config } from '../../config.ts'
import { FeedloopError } from '../../errors.ts'
import { openFeed } from '../../log/chain/feed.ts'
import type { StepHeader } from '../../log/chain/header.ts'
import { realRim } from '../../log/chain/rim.ts'
import { chainRules } from '../../log/chain/rules.ts'
import { type DeadLetter, parseDeadLetter } from '../../log/deadletters.ts'
import type { Log, LogRecord } from '../../log/log.ts'
import type { Wire } from '../../log/wire/wire.ts'
import { type TopicName, topicName } from '../../pipeline.ts'

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

const WAIT_MS = 50

/** A record's value; null when it does not decode. */
export async function decoded<T>({ wire }: AuditSource, topic: TopicName, { value }: LogRecord): Promise<T | null> {
  if (value === null) return null
  for (let asked = false; ; asked = true) {
    try {
      return wire.decode(topic, value) as T
    } catch (error) {
      const unknown = error instanceof FeedloopError && error.code === 'WIRE_SCHEMA_UNKNOWN'
      if (!unknown || asked || !(await wire.learn(value))) return null
    }
  }
}

async function* recordsOf({ log }: AuditSource, topic: string, partition: number): AsyncGenerator<LogRecord> {
  const { earliest, latest } = await log.ends(topic, partition)
  for (let offset = earliest; offset < latest; ) {
    const records = await log.read(topic, partition, offset, { waitMs: WAIT_MS })
    for (const record of records) if (record.offset < latest) yield record
    // a read below the end may come back empty where control records or compaction left nothing
    offset = records.length > 0 ? records.at(-1)!.offset + 1 : latest
  }
}

/** All records of an unchained partition. */
export async function readPlain<T>(source: AuditSource, topic: TopicName, partition: number): Promise<Read<T>[]> {
  const all: Read<T>[] = []
  for await (const record of recordsOf(source, topicName(source.prefix, topic), partition))
    all.push({ offset: record.offset, value: await decoded<T>(source, topic, record) })
  return all
}

/** Shows `visit` each accepted record of a chained partition, in order.
 * @throws FeedloopError CHAIN_IDENTITY_LOST, CHAIN_HEADER_INVALID */
export async function readChain(
  source: AuditSource,
  topic: TopicName,
  partition: number,
  visit: (record: LogRecord) => Promise<void> | void,
): Promise<ChainRead> {
  const io = { log: source.log, rim: realRim(), rules: chainRules }
  const at = { topic: topicName(source.prefix, topic), partition }
  const { latest } = await source.log.ends(at.topic, partition)
  const feed = await openFeed(io, at, null)
  let header: StepHeader | null = null
  do {
    for (const batch of await feed.poll({ waitMs: WAIT_MS })) {
      header = batch.header
      for (const record of batch.records) await visit(record)
    }
  } while (!feed.atEnd && feed.offset < latest)
  return { header, skippedBatches: feed.reader.skipped }
}

/** Dead letters by stage and origin; copies of one origin are one. */
export type DeadLetters = ReadonlyMap<string, DeadLetter>

export const letterKey = (stage: string, prefix: string, topic: TopicName, at: string): string =>
  `${stage}:${topicName(prefix, topic)}/${at}`

export async function readDeadLetters(source: AuditSource): Promise<DeadLetters> {
  const letters = new Map<string, DeadLetter>()
  for await (const record of recordsOf(source, topicName(source.prefix, 'dead-letters'), 0)) {
    const letter = parseDeadLetter(record)
    if (letter) letters.set(`${letter.stage}:${letter.id}`, { ...letter, value: null, key: null })
  }
  return letters
}

/** The next offset that a step's progress has of an input; 0 without progress. */
export const nextOf = (header: StepHeader | null, topic: TopicName, partition: number): number =>
  header?.inputs.find(input => input.topic === topic && input.partition === partition)?.next ?? 0
