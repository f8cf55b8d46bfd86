/**
 * A kept state's step that retention has cut off the chain. What the chain can still say of it:
 * - whoever kept the state saw the step accepted, so only a log that has lost it since contradicts it;
 * - such a log ends before the step's end; or its first accepted batch names as `prev` one from before the step, or another
 *   one at its place. A log that lost the step and grew again past it has had an owner, who recovered while the place of the
 *   step was still there, and found the state contradicted;
 * - a `prev` that is the step: nothing is missing. One from after it: steps between are gone, with their outputs; their
 *   inputs may be there and are folded with the next step's.
 * - no accepted batch at all: the step is the head if the log ends with it; else the group's commits say what is.
 */
import { FeedloopError, isCode } from '../../errors.ts'
import type { ChainPoint } from '../../stage.ts'
import type { Ends } from '../log.ts'
import type { Batch } from './batches.ts'
import type { ChainFeed } from './feed.ts'
import { openFeed } from './feed.ts'
import { type Head, sameHead } from './header.ts'
import type { Anchor } from './progress.ts'
import type { ChainIo, Partition } from './rim.ts'
import type { Beginning } from './snapshot.ts'

/** @returns null when the log contradicts the point. @throws FeedloopError of a log that is broken without it */
export async function findBehind(
  io: ChainIo,
  at: Partition,
  point: ChainPoint,
  { earliest, latest }: Ends,
): Promise<Beginning | null> {
  const { head, header } = point
  const end = head.offset + header.count
  if (latest < end) return null
  const own = await openFeed(io, at, { next: earliest, head })
  const next = await firstAccepted(own).catch(passFaults)
  if (next !== null && next.length > 0) {
    const follows = next[0]!.header.prev !== null
    return { own, point, ahead: next, gap: !follows, since: follows ? head.offset : earliest }
  }
  if (next !== null && own.offset === end) return { own, point, ahead: [], gap: false, since: head.offset }
  return withoutAnchor(io, at, point)
}

/** The log's own beginning decides, where it can. */
async function withoutAnchor(io: ChainIo, at: Partition, point: ChainPoint): Promise<Beginning | null> {
  const own = await openFeed(io, at, null)
  const since = own.offset
  const ahead = await firstAccepted(own)
  const [first] = ahead
  if (first === undefined) return { own, point, ahead, gap: true, since }
  const { prev, epoch } = first.header
  if (prev === null) return epoch > (point.head.epoch ?? 0) ? { own, point, ahead, gap: true, since } : null
  if (sameHead(prev, point.head)) return { own, point, ahead, gap: false, since: point.head.offset }
  return prev.offset > point.head.offset ? { own, point, ahead, gap: true, since: prev.offset + 1 } : null
}

/** The first accepted batches that a read gives; none: the log has none. */
async function firstAccepted(own: ChainFeed): Promise<readonly Batch[]> {
  for (;;) {
    const batches = await own.poll()
    if (batches.length > 0 || own.atEnd) return batches
  }
}

/** A batch that names what is not known here is no fault of the log. */
function passFaults(error: unknown): null {
  if (isCode(error, 'CHAIN_IDENTITY_LOST') || isCode(error, 'CHAIN_HEADER_INVALID')) return null
  throw error
}

/** The step that the group knows as the last, as the next one after a point behind retention: of its outputs nothing is left.
 * @throws FeedloopError CHAIN_NO_ANCHOR when the point is newer: the group lags behind, by who knows how much */
export function emptyStep({ head, header }: Anchor, point: ChainPoint, at: Partition): Batch {
  if (head.offset >= point.head.offset) return { head, header, records: [], end: head.offset + header.count }
  throw groupLags(at, head, `the state contains ${point.head.offset}`)
}

/** What the state has of later steps is no state that the group's step can be gone on from. */
export const groupLags = ({ topic, partition }: Partition, { offset }: Head, detail: string): FeedloopError =>
  new FeedloopError('CHAIN_NO_ANCHOR', `${topic}/${partition}: the group knows ${offset}, ${detail}`)
