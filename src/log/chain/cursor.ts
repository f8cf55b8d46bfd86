/**
 * One input of a task. It reads ahead in the background, so that a step takes what is there without waiting for the
 * log, and it keeps what a step took until the step is accepted: a lost step gives it back with `rewind`.
 *
 * A plain topic has many writers and is read as it stands; a chained one by the reader's rule. A position inside a
 * chained batch keeps that batch as its head.
 */
import { FeedloopError } from '../../errors.ts'
import { topicName, topics } from '../../pipeline.ts'
import type { LogRecord } from '../log.ts'
import type { ChainPosition } from './feed.ts'
import type { Head, InputPosition } from './header.ts'
import { sameHead } from './header.ts'
import type { ChainIo } from './rim.ts'
import { retrying, Stopped } from './rim.ts'
import type { Entry } from './sources.ts'
import { chainedSource, plainSource } from './sources.ts'
import type { TaskInput } from './task.ts'
import type { Heard } from './watermark.ts'

export interface Cursor {
  readonly input: TaskInput
  /** After what was taken. */
  readonly position: InputPosition
  /** As far as was read, with the last batch there, accepted or not. Null for a plain input. */
  readonly seen: ChainPosition | null
  /** Untaken progress is buffered. */
  readonly ready: boolean
  /** Its last arrival (opening, when nothing came yet), and when it was last known to be read to its end. */
  readonly heard: Heard
  /** Since when a record waits to be taken, ms: the time of the first that was read ahead; without one, that of the newest
   * that was read, or when the log's end was last found. What is not read may have been written from then on. */
  readonly waitingSinceMs: number
  /** Batches skipped by the reader's rule so far. */
  readonly skipped: number
  take(maxRecords: number, maxBytes: number): LogRecord[]
  /** Takes exactly up to a position that an accepted step recorded, waiting for it.
   * @throws FeedloopError CHAIN_IDENTITY_LOST when the input does not go there */
  takeTo(to: InputPosition): Promise<LogRecord[]>
  /** A position that an accepted step recorded: its head is accepted, which anchors an input that began inside the log. */
  witness(position: InputPosition | undefined): void
  /** What was taken is accepted. */
  settle(): void
  /** What was taken since `settle` is given back. */
  rewind(): void
  /** @throws what stopped the reading ahead */
  check(): void
}

export interface CursorOptions {
  readonly prefix: string
  readonly input: TaskInput
  /** Null: from the first offset that the log still has. */
  readonly from: ChainPosition | null
  /** Bytes of one read; some four times that is kept ahead. */
  readonly maxBytes: number
  /** An empty read may take this long, ms. */
  readonly waitMs: number
  /** Called when something arrived or went wrong. */
  readonly notify: () => void
}

/** @throws FeedloopError OFFSET_OUT_OF_RANGE when `from` fell behind retention, CHAIN_IDENTITY_LOST */
export async function openCursor(io: ChainIo, options: CursorOptions): Promise<Cursor> {
  const { input, notify } = options
  const { chained } = topics[input.topic]
  const at = { topic: topicName(options.prefix, input.topic), partition: input.partition }
  const source = await (chained ? chainedSource : plainSource)(io, at, options)
  const maxAheadBytes = 4 * options.maxBytes
  let settled: { readonly next: number; readonly head: Head | null } = source.start
  let entries: Entry[] = []
  let taken = 0
  let aheadBytes = 0
  const openedMs = io.rim.now()
  let arrivedMs = openedMs
  /** Of the newest that was read. Where something always comes, the end is never found. */
  let writtenMs = openedMs
  let endedMs = Number.NEGATIVE_INFINITY
  /** All below is in `entries`: the source itself is a few turns ahead of what it gives. */
  let readTo = source.offset
  let failure: unknown
  let arrival = Promise.withResolvers<void>()
  let room = Promise.withResolvers<void>()

  const push = (arrived: readonly Entry[]): void => {
    if (arrived.length > 0) arrivedMs = io.rim.now()
    for (const entry of arrived) {
      entries.push(entry)
      aheadBytes += entry.bytes
      writtenMs = entry.timeMs
    }
  }
  const wake = (): void => {
    arrival.resolve()
    arrival = Promise.withResolvers()
    notify()
  }
  const readAhead = async (): Promise<void> => {
    while (!io.signal?.aborted) {
      if (aheadBytes > maxAheadBytes) {
        room = Promise.withResolvers()
        await room.promise
      }
      // The answer may lie there for long before a process that was stopped looks at it.
      const askedMs = io.rim.now()
      push(await source.fetch())
      readTo = source.offset
      if (source.atEnd) endedMs = askedMs
      wake()
    }
  }
  const free = (): void => {
    if (aheadBytes <= maxAheadBytes) room.resolve()
  }
  const release = (): void => {
    room.resolve()
    wake()
  }
  io.signal?.addEventListener('abort', release, { once: true })
  readAhead().catch((error: unknown) => {
    failure = error
    wake()
  })

  const check = (): void => {
    if (io.signal?.aborted) throw new Stopped()
    if (failure !== undefined) throw failure
  }
  const position = (): { readonly next: number; readonly head: Head | null } => entries[taken - 1] ?? settled
  const taking = (goOn: (entry: Entry, records: number) => boolean): LogRecord[] => {
    const records: LogRecord[] = []
    for (; taken < entries.length && goOn(entries[taken]!, records.length); taken++) {
      const entry = entries[taken]!
      aheadBytes -= entry.bytes
      if (entry.record !== null) records.push(entry.record)
    }
    free()
    return records
  }
  const lost = (to: InputPosition): FeedloopError =>
    new FeedloopError(
      'CHAIN_IDENTITY_LOST',
      `${at.topic}/${at.partition} was known to ${to.next} after ${to.head?.offset}/${to.head?.id}, now goes to ${position().next}`,
    )
  /** The input was read to its end and does not reach `to`. Gaps that compaction left are no loss. */
  const cannotReach = async (to: InputPosition): Promise<boolean> => {
    if (!source.atEnd) return false
    if (source.offset >= to.next) return source.decided
    return (await retrying(io, () => io.log.ends(at.topic, at.partition))).latest < to.next
  }
  /** A chained input goes exactly to where the step that recorded `to` saw it go, or it is another log. */
  const anchorAt = (to: InputPosition): void => {
    const { next, head } = position()
    if (!chained || next > to.next) return
    if (next < to.next) throw lost(to)
    if (to.head && head === null) settled = { next, head: to.head }
    else if (to.head && !sameHead(head, to.head)) throw lost(to)
  }
  return {
    input,
    check,
    get position(): InputPosition {
      const { next, head } = position()
      return head === null ? { ...input, next } : { ...input, next, head }
    },
    get seen() {
      return source.last && { next: source.offset, head: source.last }
    },
    get ready() {
      return taken < entries.length
    },
    get heard() {
      return { arrivedMs: taken < entries.length ? Number.POSITIVE_INFINITY : arrivedMs, endedMs }
    },
    get waitingSinceMs() {
      for (let i = taken; i < entries.length; i++) {
        const { record, timeMs } = entries[i]!
        if (record !== null) return timeMs
      }
      return Math.max(writtenMs, endedMs)
    },
    get skipped() {
      return source.skipped
    },
    take(maxRecords, maxBytes) {
      let bytes = 0
      return taking((entry, count) => {
        if (entry.record === null) return true
        bytes += entry.bytes
        return count < maxRecords && (count === 0 || bytes <= maxBytes)
      })
    },
    async takeTo(to) {
      const records: LogRecord[] = []
      for (;;) {
        check()
        const next = arrival.promise
        records.push(...taking(entry => entry.next <= to.next))
        if (position().next >= to.next || taken < entries.length) break
        if (!chained && readTo >= to.next) break
        if (await cannotReach(to)) throw lost(to)
        await next
      }
      anchorAt(to)
      return records
    },
    witness(to) {
      // A head from before the beginning says nothing when what came after it is gone too.
      if (to?.head && to.next >= source.start.next) push(source.witness(to.head))
    },
    settle() {
      if (taken === 0) return
      settled = entries[taken - 1]!
      entries = entries.slice(taken)
      taken = 0
    },
    rewind() {
      for (let i = 0; i < taken; i++) aheadBytes += entries[i]!.bytes
      taken = 0
    },
  }
}
