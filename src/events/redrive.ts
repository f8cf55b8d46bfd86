/**
 * Dead letters, for people: list, show, and put back where they came from once the cause is mended. A redriven record is
 * the original bytes and time with a header that names its dead letter, appended to the original topic and partition (one
 * that stood in the wrong partition, to its key's); before
 * appending, the records since the dead letter are searched for that header, so that redriving twice does it once.
 */
import { FeedloopError } from '../errors.ts'
import { type DeadLetter, parseDeadLetter, redriven } from '../log/deadletters.ts'
import type { Log, LogRecord } from '../log/log.ts'
import { partitionFor } from '../log/partition.ts'
import { type TopicName, topicName, topics } from '../pipeline.ts'

/** Header of a redriven record: the id of its dead letter. */
export const REDRIVEN = 'fl-redriven'

export interface Filter {
  readonly code?: string
  /** Topic of origin, as it is on the bus or without our prefix. */
  readonly topic?: string
  readonly stage?: string
  /** The original record's time, ms since the epoch: at or after, and before. */
  readonly sinceMs?: number
  readonly untilMs?: number
}

/** What the functions need of the bus. */
export interface Morgue {
  readonly log: Log
  readonly prefix: string
}

/** All records of a partition from `offset` to the end there was when the call began. */
async function* readAll(log: Log, topic: string, partition: number, offset: number): AsyncGenerator<LogRecord> {
  const { earliest, latest } = await log.ends(topic, partition)
  let next = Math.max(offset, earliest)
  while (next < latest) {
    const records = await log.read(topic, partition, next, { waitMs: 1000 })
    // Offsets without records up to the end: what compaction or another producer's transactions leave.
    if (records.length === 0) return
    for (const record of records) if (record.offset < latest) yield record
    next = records[records.length - 1].offset + 1
  }
}

function matches(letter: DeadLetter, filter: Filter, prefix: string): boolean {
  const { code, topic, stage, sinceMs = 0, untilMs = Number.POSITIVE_INFINITY } = filter
  return (
    (code === undefined || letter.code === code) &&
    (topic === undefined || letter.topic === topic || letter.topic === prefix + topic) &&
    (stage === undefined || letter.stage === stage) &&
    letter.timestampMs >= sinceMs &&
    letter.timestampMs < untilMs
  )
}

/** Dead letters in the order in which they were buried, each once a stage: a redone step buries its refusals again, and
 * two stages may refuse one record for reasons of their own.
 * @throws FeedloopError TOPIC_UNKNOWN, LOG_UNAVAILABLE */
export async function* listDeadLetters({ log, prefix }: Morgue, filter: Filter = {}): AsyncGenerator<DeadLetter> {
  const topic = topicName(prefix, 'dead-letters')
  const seen = new Set<string>()
  for (let partition = 0; partition < (await log.partitionCount(topic)); partition++)
    for await (const record of readAll(log, topic, partition, 0)) {
      const letter = parseDeadLetter(record)
      if (letter === null || seen.has(`${letter.id} ${letter.stage}`)) continue
      seen.add(`${letter.id} ${letter.stage}`)
      if (matches(letter, filter, prefix)) yield letter
    }
}

/** The dead letter with this id (`topic/partition/offset` of its origin). @throws FeedloopError USAGE when there is none */
export async function findDeadLetter(morgue: Morgue, id: string): Promise<DeadLetter> {
  for await (const letter of listDeadLetters(morgue)) if (letter.id === id) return letter
  throw new FeedloopError('USAGE', `no dead letter ${id}; see \`feedloop dead-letters list\``)
}

export interface Redriven {
  readonly id: string
  /** `appended` now; `before`: an earlier redrive had done it. */
  readonly result: 'appended' | 'before'
  readonly offset: number
}

const isChained = (topic: string, prefix: string): boolean =>
  topic.startsWith(prefix) && topics[topic.slice(prefix.length) as TopicName]?.chained === true

/** Appends the original record to its topic and partition again, once. A lost acknowledgement is settled by calling again.
 * @throws FeedloopError USAGE for a chained topic, whose only writer is its stage, and for a value that was left out; APPEND_UNCERTAIN, TOPIC_UNKNOWN */
export async function redrive({ log, prefix }: Morgue, letter: DeadLetter): Promise<Redriven> {
  const { id, topic } = letter
  if (isChained(topic, prefix))
    throw new FeedloopError('USAGE', `${id} is of a chained topic, which only its stage may write`)
  if (letter.leftOutBytes !== null)
    throw new FeedloopError('USAGE', `${id} has ${letter.leftOutBytes} bytes, too many to have been kept here`)
  const { partition, from } = await destination(log, letter)
  for await (const record of readAll(log, topic, partition, from))
    if (record.headers[REDRIVEN]?.toString() === id) return { id, result: 'before', offset: record.offset }
  const { headers, ...original } = redriven(letter)
  const marked = { ...original, headers: { ...headers, [REDRIVEN]: Buffer.from(id) } }
  return { id, result: 'appended', offset: await log.append(topic, partition, [marked]) }
}

/** Where a dead letter goes back to, and from which offset on an earlier redrive of it may stand there. */
async function destination(log: Log, { code, topic, partition, offset, key }: DeadLetter) {
  if (code !== 'WRONG_PARTITION' || key === null) return { partition, from: offset + 1 }
  const home = partitionFor(key.toString(), await log.partitionCount(topic))
  return { partition: home, from: home === partition ? offset + 1 : 0 }
}
