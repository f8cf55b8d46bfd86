/**
 * Dead letters, for people: list, show, and put back where they came from once the cause is mended. A redriven record is
 * the original bytes and time with a header that names its dead letter, appended to the original topic and partition (one
 * that stood in the wrong partition, to its key's); before
 * appending, the records since the dead letter are searched for that header, so that redriving twice does it once; of many
 * letters a partition is read once. A record that was put back and is refused again is a letter anew, whose header names the
 * one before: for the same reason it would only come back once more, so of many letters such a one stays.
 */
import { type ErrorCode, FeedloopError } from '../errors.ts'
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

interface Span {
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly to: number
}

/** All records of a span that the log still has. */
async function* readAll(log: Log, { topic, partition, from, to }: Span): AsyncGenerator<LogRecord> {
  let next = Math.max(from, (await log.ends(topic, partition)).earliest)
  while (next < to) {
    const records = await log.read(topic, partition, next, { waitMs: 1000 })
    // Offsets without records up to the end: what compaction or another producer's transactions leave.
    if (records.length === 0) return
    for (const record of records) if (record.offset < to) yield record
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
  for (let partition = 0; partition < (await log.partitionCount(topic)); partition++) {
    const { latest } = await log.ends(topic, partition)
    for await (const record of readAll(log, { topic, partition, from: 0, to: latest })) {
      const letter = parseDeadLetter(record)
      if (letter === null || seen.has(`${letter.id} ${letter.stage}`)) continue
      seen.add(`${letter.id} ${letter.stage}`)
      if (matches(letter, filter, prefix)) yield letter
    }
  }
}

/** The dead letter with this id (`topic/partition/offset` of its origin). @throws FeedloopError USAGE when there is none */
export async function findDeadLetter(morgue: Morgue, id: string): Promise<DeadLetter> {
  for await (const letter of listDeadLetters(morgue)) if (letter.id === id) return letter
  throw new FeedloopError('USAGE', `no dead letter ${id}; see \`feedloop dead-letters list\``)
}

/** A letter that was put back. */
export interface Redriven {
  readonly id: string
  /** `appended` now; `before`: an earlier redrive had done it. */
  readonly result: 'appended' | 'before'
  readonly offset: number
}

const isChained = (topic: string, prefix: string): boolean =>
  topic.startsWith(prefix) && topics[topic.slice(prefix.length) as TopicName]?.chained === true

/** A letter that stays where it is, and why. */
export interface Left {
  readonly id: string
  readonly result: 'left'
  readonly reason: FeedloopError
}

/** A letter that stays because it came of another one, put back before, with the same code. */
export interface CameBack {
  readonly id: string
  readonly result: 'came back'
  /** Id of the one before. */
  readonly of: string
  readonly code: ErrorCode
}

export type RedriveResult = Redriven | CameBack | Left

export interface RedriveOptions {
  /** What came back with the same code is put back again. */
  readonly again?: boolean
}

/** Puts letters back in their order. One that cannot be put back does not hold up the others. What came back stays only
 * where the letter that it came of is among them.
 * @param letters in the order in which they were buried
 * @throws FeedloopError LOG_UNAVAILABLE: it would fail for the others too */
export async function* redriveAll(
  morgue: Morgue,
  letters: AsyncIterable<DeadLetter> | Iterable<DeadLetter>,
  { again = false }: RedriveOptions = {},
): AsyncGenerator<RedriveResult> {
  const redrive = createRedrive(morgue)
  const met = new Set<string>()
  for await (const letter of letters) {
    const { id, code } = letter
    met.add(`${id} ${code}`)
    const of = letter.headers[REDRIVEN]?.toString()
    const isSame = of !== undefined && met.has(`${of} ${code}`)
    try {
      yield await redrive(letter, isSame && !again ? of : undefined)
    } catch (error) {
      if (!(error instanceof FeedloopError) || error.code === 'LOG_UNAVAILABLE') throw error
      yield { id: letter.id, result: 'left', reason: error }
    }
  }
}

/** Appends the original record to its topic and partition again, once. A lost acknowledgement is settled by calling again.
 * @param cameOf the letter that it came back from, if it is to stay: then it is only looked whether it was put back before
 * @throws FeedloopError USAGE for a chained topic, whose only writer is its stage, and for a value that was left out; APPEND_UNCERTAIN, TOPIC_UNKNOWN */
export type Redrive = (letter: DeadLetter, cameOf?: string) => Promise<Redriven | CameBack>

/** For one letter or many: a partition is searched for what was put back before only once. */
export function createRedrive({ log, prefix }: Morgue): Redrive {
  const searches = new Map<string, Search>()
  const searchOf = (topic: string, partition: number): Search => {
    const name = `${topic}/${partition}`
    const search = searches.get(name) ?? createSearch(log, topic, partition)
    searches.set(name, search)
    return search
  }
  return async (letter, cameOf) => {
    const { id, topic, code } = letter
    if (isChained(topic, prefix))
      throw new FeedloopError('USAGE', `${id} is of a chained topic, which only its stage may write`)
    if (letter.leftOutBytes !== null)
      throw new FeedloopError('USAGE', `${id} has ${letter.leftOutBytes} bytes, too many to have been kept here`)
    const { partition, from } = await destination(log, letter)
    const before = await searchOf(topic, partition)(id, from)
    if (before !== undefined) return { id, result: 'before', offset: before }
    if (cameOf !== undefined) return { id, result: 'came back', of: cameOf, code }
    const { headers, ...original } = redriven(letter)
    const marked = { ...original, headers: { ...headers, [REDRIVEN]: Buffer.from(id) } }
    return { id, result: 'appended', offset: await log.append(topic, partition, [marked]) }
  }
}

/** Offset of the record that an earlier redrive of `id` has put there, at or after `from`. */
type Search = (id: string, from: number) => Promise<number | undefined>

/** Reads on from where it has read to, so that many searches read no record twice. */
function createSearch(log: Log, topic: string, partition: number): Search {
  const offsets = new Map<string, number>()
  let read: { readonly from: number; readonly to: number } | undefined
  const scan = async (from: number, to: number): Promise<void> => {
    for await (const { headers, offset } of readAll(log, { topic, partition, from, to })) {
      const id = headers[REDRIVEN]?.toString()
      if (id !== undefined) offsets.set(id, offset)
    }
  }
  return async (id, from) => {
    const { latest } = await log.ends(topic, partition)
    read ??= { from, to: from }
    await scan(read.to, latest)
    read = { from: read.from, to: Math.max(latest, read.to) }
    if (from < read.from) {
      // as far again: letters may come in falling order
      const further = Math.max(0, Math.min(from, 2 * read.from - read.to))
      await scan(further, read.from)
      read = { from: further, to: read.to }
    }
    return offsets.get(id)
  }
}

/** Where a dead letter goes back to, and from which offset on an earlier redrive of it may stand there. */
async function destination(log: Log, { code, topic, partition, offset, key }: DeadLetter) {
  if (code !== 'WRONG_PARTITION' || key === null) return { partition, from: offset + 1 }
  const home = partitionFor(key.toString(), await log.partitionCount(topic))
  return { partition: home, from: home === partition ? offset + 1 : 0 }
}
