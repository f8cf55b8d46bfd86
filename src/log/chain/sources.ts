/** Where a cursor's entries come from: a plain partition as it stands, or a chained one through the reader's rule. */
import { FeedloopError, isCode } from '../../errors.ts'
import type { LogRecord } from '../log.ts'
import { recordBytesAtMost } from '../size.ts'
import type { Batch } from './batches.ts'
import type { ChainPosition } from './feed.ts'
import { openFeed } from './feed.ts'
import type { Head } from './header.ts'
import type { ChainIo, Partition } from './rim.ts'
import { retrying, Stopped } from './rim.ts'

/** A piece of progress: the position after it, and its record (null where progress carries none). */
export interface Entry {
  readonly record: LogRecord | null
  readonly next: number
  readonly head: Head | null
  readonly bytes: number
  /** When it was written, by its writer's clock, ms. */
  readonly timeMs: number
}

export interface Source {
  /** Where reading begins. */
  readonly start: { readonly next: number; readonly head: Head | null }
  /** One read; empty when nothing came in a while. */
  fetch(): Promise<readonly Entry[]>
  /** An accepted batch known from elsewhere, for a chained source that began inside the log. */
  witness(head: Head): readonly Entry[]
  /** All below is read. */
  readonly offset: number
  readonly atEnd: boolean
  /** All that was read was judged, and the position moves to its end: a chained source with an anchor. */
  readonly decided: boolean
  readonly skipped: number
  /** The last batch that was read, accepted or not. */
  readonly last: Head | null
}

export interface SourceOptions {
  readonly from: ChainPosition | null
  readonly maxBytes: number
  /** An empty read may take this long, ms. */
  readonly waitMs: number
}

/** How long a chained input that begins inside the log may stay undecidable with records waiting. */
const anchorWaitMs = 300_000

/** @throws FeedloopError OFFSET_OUT_OF_RANGE, CHAIN_IDENTITY_LOST */
export async function plainSource(io: ChainIo, at: Partition, options: SourceOptions): Promise<Source> {
  const { from, maxBytes, waitMs } = options
  const place = `${at.topic}/${at.partition}`
  const ends = await retrying(io, () => io.log.ends(at.topic, at.partition))
  const start = { next: from?.next ?? ends.earliest, head: null }
  let offset = start.next
  let atEnd = false
  const inRange = (earliest: number, latest: number): void => {
    if (!io.rules.reaches(latest, offset))
      throw new FeedloopError('CHAIN_IDENTITY_LOST', `${place} ends at ${latest}, known to ${offset}`)
    if (offset < earliest)
      throw new FeedloopError('OFFSET_OUT_OF_RANGE', `${place} begins at ${earliest}, ${offset} is wanted`)
  }
  inRange(ends.earliest, ends.latest)
  const read = async (): Promise<readonly LogRecord[]> => {
    try {
      return await retrying(io, () =>
        io.log.read(at.topic, at.partition, offset, { maxBytes, waitMs, ...(io.signal && { signal: io.signal }) }),
      )
    } catch (error) {
      if (!isCode(error, 'OFFSET_OUT_OF_RANGE')) throw error
      const now = await retrying(io, () => io.log.ends(at.topic, at.partition))
      inRange(now.earliest, now.latest)
      return []
    }
  }
  return {
    start,
    async fetch() {
      const records = await read()
      atEnd = records.length === 0
      if (!atEnd) offset = records.at(-1)!.offset + 1
      return records.map(record => entryOf(record, null))
    },
    witness: () => [],
    get offset() {
      return offset
    },
    get atEnd() {
      return atEnd
    },
    decided: false,
    skipped: 0,
    last: null,
  }
}

/** @throws FeedloopError OFFSET_OUT_OF_RANGE, CHAIN_IDENTITY_LOST, CHAIN_NO_ANCHOR, CHAIN_HEADER_INVALID */
export async function chainedSource(io: ChainIo, at: Partition, options: SourceOptions): Promise<Source> {
  const { from, maxBytes, waitMs } = options
  const feed = await openFeed(io, at, from)
  const start = { next: from?.next ?? feed.offset, head: from?.head ?? null }
  let undecidedSinceMs: number | null = null
  const entriesOf = (batches: readonly Batch[]): Entry[] =>
    batches.flatMap(entriesOfBatch).filter(entry => entry.next > start.next)

  const checkAnchor = (): void => {
    if (feed.reader.anchored || feed.reader.last === null) return
    undecidedSinceMs ??= io.rim.now()
    if (io.rim.now() - undecidedSinceMs < anchorWaitMs) return
    throw new FeedloopError('CHAIN_NO_ANCHOR', `${at.topic}/${at.partition} from ${start.next}`)
  }
  return {
    start,
    async fetch() {
      if (io.signal?.aborted) throw new Stopped()
      const batches = await feed.poll({ maxBytes, waitMs, ...(io.signal && { signal: io.signal }) })
      checkAnchor()
      return entriesOf(batches)
    },
    witness: head => entriesOf(feed.reader.witness(head)),
    get offset() {
      return feed.offset
    },
    get atEnd() {
      return feed.atEnd
    },
    get decided() {
      return feed.reader.anchored
    },
    get skipped() {
      return feed.reader.skipped
    },
    get last() {
      return feed.reader.last
    },
  }
}

const entriesOfBatch = (batch: Batch): Entry[] =>
  batch.records.length === 0
    ? [{ record: null, next: batch.end, head: batch.head, bytes: 64, timeMs: batch.header.tick.timeMs }]
    : batch.records.map(record => entryOf(record, batch.head))

const entryOf = (record: LogRecord, head: Head | null): Entry => ({
  record,
  next: record.offset + 1,
  head,
  bytes: recordBytesAtMost(record),
  timeMs: record.timestampMs,
})
