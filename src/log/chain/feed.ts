/**
 * A chain reader bound to a partition of a log: the accepted batches from a stored position, from the beginning, or
 * from wherever the log still begins. This is what every consumer of a chained topic reads through.
 */
import { FeedloopError, isCode } from '../../errors.ts'
import type { LogRecord, ReadOptions } from '../log.ts'
import type { Batch } from './batches.ts'
import { batchCutter } from './batches.ts'
import type { Head } from './header.ts'
import type { ChainReader } from './reader.ts'
import { createReader } from './reader.ts'
import type { ChainIo, Partition } from './rim.ts'
import { retrying } from './rim.ts'

/** Where reading a chained partition goes on: the next offset wanted, and the accepted batch that holds or precedes it. */
export interface ChainPosition {
  readonly next: number
  readonly head?: Head | null
}

export interface ChainFeed {
  /** One read. From a stored head its own batch comes first, again; the caller drops what is below its `next`.
   * @throws FeedloopError CHAIN_IDENTITY_LOST at the log end when no newer epoch came, CHAIN_HEADER_INVALID,
   * OFFSET_OUT_OF_RANGE when the position fell behind retention */
  poll(options?: ReadOptions): Promise<readonly Batch[]>
  readonly reader: ChainReader
  /** The next offset to read. */
  readonly offset: number
  /** True when the last read found nothing. */
  readonly atEnd: boolean
}

/** Opens at `stored`, or with null at the first offset that the log still has. */
export async function openFeed(io: ChainIo, at: Partition, stored: ChainPosition | null): Promise<ChainFeed> {
  const ends = await retrying(io, () => io.log.ends(at.topic, at.partition))
  let { reader, offset } = anchor(io, at, stored, ends)
  let atEnd = false
  const lose = (fault: FeedloopError, earliest: number): void => {
    reader = createReader({ from: 'fault', head: reader.head, fault }, io.rules)
    offset = earliest
  }
  /** A log that ends below what was read is another log; one that begins above it was cut by retention. */
  const outOfRange = async (error: unknown): Promise<readonly LogRecord[]> => {
    const now = await retrying(io, () => io.log.ends(at.topic, at.partition))
    if (now.earliest > offset || reader.fault !== null) throw error
    if (io.rules.reaches(now.latest, offset)) return []
    lose(endsBelow(at, now.latest, offset), now.earliest)
    return read({})
  }
  const read = async (options: ReadOptions): Promise<readonly LogRecord[]> => {
    try {
      return await retrying(io, () => io.log.read(at.topic, at.partition, offset, options))
    } catch (error) {
      if (!isCode(error, 'OFFSET_OUT_OF_RANGE')) throw error
      return outOfRange(error)
    }
  }
  /** Records that belong to no step: somebody else's, or another log than the one that was known. */
  const judge = async (records: readonly LogRecord[]): Promise<readonly Batch[]> => {
    try {
      return reader.feed(records)
    } catch (error) {
      if (!isCode(error, 'CHAIN_HEADER_INVALID')) throw error
      const known = { head: reader.head, next: records[0]!.offset }
      await verifyHead(io, at, known)
      if (await isSound(io, at, known))
        throw new FeedloopError(
          'CHAIN_IDENTITY_LOST',
          `${at.topic}/${at.partition}: another batch stands at ${known.next}`,
        )
      throw error
    }
  }
  return {
    async poll(options = {}) {
      const records = await read(options)
      atEnd = records.length === 0
      if (atEnd && reader.fault !== null) throw reader.fault
      if (atEnd) return []
      offset = records.at(-1)!.offset + 1
      const sound = reader.fault === null
      const batches = await judge(records)
      // The epoch that mends it may have begun below: look through the whole log for it.
      if (sound && reader.fault !== null)
        lose(reader.fault, (await retrying(io, () => io.log.ends(at.topic, at.partition))).earliest)
      return batches
    },
    get reader() {
      return reader
    },
    get offset() {
      return offset
    },
    get atEnd() {
      return atEnd
    },
  }
}

function anchor(
  io: ChainIo,
  at: Partition,
  stored: ChainPosition | null,
  ends: { earliest: number; latest: number },
): { reader: ChainReader; offset: number } {
  const { earliest, latest } = ends
  const offset = stored?.next ?? earliest
  const head = stored?.head ?? null
  if (!io.rules.reaches(latest, offset)) {
    const fault = endsBelow(at, latest, offset)
    return { reader: createReader({ from: 'fault', head, fault }, io.rules), offset: earliest }
  }
  if (head !== null && head.offset >= earliest)
    return {
      reader: createReader({ from: 'head', head, reread: true }, io.rules),
      offset: Math.min(head.offset, latest),
    }
  if (offset < earliest)
    throw new FeedloopError(
      'OFFSET_OUT_OF_RANGE',
      `${at.topic}/${at.partition} begins at ${earliest}, ${offset} is wanted`,
    )
  if (head !== null) return { reader: createReader({ from: 'head', head, reread: false }, io.rules), offset }
  if (offset === 0) return { reader: createReader({ from: 'genesis' }, io.rules), offset }
  return { reader: createReader({ from: 'offset', offset }, io.rules), offset: Math.min(offset, latest) }
}

/** Is the batch `head` still where it was? What retention has removed cannot be asked.
 * @throws FeedloopError CHAIN_IDENTITY_LOST */
export async function verifyHead(io: ChainIo, at: Partition, { head, next }: ChainPosition): Promise<void> {
  const { earliest, latest } = await retrying(io, () => io.log.ends(at.topic, at.partition))
  if (!io.rules.reaches(latest, next)) throw endsBelow(at, latest, next)
  if (!head || head.offset < earliest) return
  const reader = createReader({ from: 'head', head, reread: true }, io.rules)
  try {
    reader.feed(await retrying(io, () => io.log.read(at.topic, at.partition, head.offset, { maxBytes: 1 })))
  } catch (error) {
    if (isCode(error, 'OFFSET_OUT_OF_RANGE')) return
    if (isCode(error, 'CHAIN_HEADER_INVALID'))
      throw new FeedloopError(
        'CHAIN_IDENTITY_LOST',
        `${at.topic}/${at.partition}: no step begins at ${head.offset} any more`,
      )
    throw error
  }
  if (reader.fault !== null) throw reader.fault
}

/** Read anew from the head, do records up to and at `next` belong to steps? Then what was read there before was another batch. */
async function isSound(io: ChainIo, at: Partition, { head, next }: ChainPosition): Promise<boolean> {
  const cut = batchCutter(false)
  try {
    for (let offset = head?.offset ?? 0; offset <= next; ) {
      const records = await retrying(io, () => io.log.read(at.topic, at.partition, offset))
      if (records.length === 0) break
      cut(records)
      offset = records.at(-1)!.offset + 1
    }
    return true
  } catch {
    return false
  }
}

const endsBelow = (at: Partition, latest: number, known: number): FeedloopError =>
  new FeedloopError('CHAIN_IDENTITY_LOST', `${at.topic}/${at.partition} ends at ${latest}, known to ${known}`)
