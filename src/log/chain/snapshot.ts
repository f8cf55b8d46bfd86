/**
 * A state that was kept (on disk, in snapshots) says which accepted step it is the state after. It is a cache: before
 * anything is built on it, the reader's rule must accept that very step in the log that is there now. The step's own
 * `prev` names an accepted batch, and from that one the rule decides. What the chain does not have, what retention has cut
 * off, or what cannot be brought forward because its inputs are gone, is dropped, and the state is rebuilt from the topics.
 *
 * A state that outlives the log is dropped only when the chain contradicts its step (behind.ts).
 */
import { isCode } from '../../errors.ts'
import type { ChainPoint, StageState } from '../../stage.ts'
import type { Batch } from './batches.ts'
import { findBehind } from './behind.ts'
import type { ChainFeed, ChainPosition } from './feed.ts'
import { openFeed } from './feed.ts'
import type { StepHeader } from './header.ts'
import { sameHead } from './header.ts'
import type { ChainIo, Partition } from './rim.ts'
import { retrying } from './rim.ts'

/** Where recovery begins to fold. */
export interface Beginning {
  readonly own: ChainFeed
  /** What the state contains already; null: nothing. */
  readonly point: ChainPoint | null
  /** Accepted batches after it that were read already. */
  readonly ahead: readonly Batch[]
  /** Between the point and the next step that the log has, others may be gone. */
  readonly gap: boolean
  /** All that was accepted from this offset of the chain on is in the log, or in the state. */
  readonly since: number
}

export interface BeginOptions {
  readonly state: StageState
  /** Where in the chain to begin when the state contains nothing; null: at its first batch. */
  readonly from: ChainPosition | null
  /** Are the inputs after this step still in the log? */
  readonly hasInputs: (header: StepHeader) => Promise<boolean>
}

export async function begin(io: ChainIo, at: Partition, { state, from, hasInputs }: BeginOptions): Promise<Beginning> {
  // Who drops one state may have an older one.
  for (let point = state.openedAt ?? null; point !== null; ) {
    const found = await find(io, at, point, state.outlives === true)
    if (found !== null && (state.outlives || (await hasInputs(point.header)))) return found
    const where = `${at.topic}/${at.partition} at ${point.head.offset}/${point.head.id}`
    await state.reset?.(found === null ? 'not_in_chain' : 'behind_retention', where)
    const next = state.openedAt ?? null
    point = next === point ? null : next
  }
  const own = await openFeed(io, at, from)
  return { own, point: null, ahead: [], gap: false, since: own.offset }
}

/** @returns null when the chain does not have the point */
async function find(io: ChainIo, at: Partition, point: ChainPoint, outlives: boolean): Promise<Beginning | null> {
  const gone = ['CHAIN_IDENTITY_LOST', 'OFFSET_OUT_OF_RANGE', 'CHAIN_HEADER_INVALID'] as const
  for (;;) {
    const ends = await retrying(io, () => io.log.ends(at.topic, at.partition))
    const isBehind = outlives && point.head.offset < ends.earliest
    try {
      return isBehind ? await findBehind(io, at, point, ends) : await findWhereItStood(io, at, point, ends.earliest)
    } catch (error) {
      if (!gone.some(code => isCode(error, code))) throw error
      // Retention goes on meanwhile.
      if (outlives && isCode(error, 'OFFSET_OUT_OF_RANGE')) continue
      if (isBehind) throw error
      return null
    }
  }
}

/** Reads from the batch before the point, or, where that one is gone, from the point itself: whoever kept it saw it accepted. */
async function findWhereItStood(
  io: ChainIo,
  at: Partition,
  point: ChainPoint,
  earliest: number,
): Promise<Beginning | null> {
  const { head, header } = point
  const before = header.prev ?? (earliest === 0 ? null : head)
  const anchor = before !== null && before.offset < earliest ? head : before
  const own = await openFeed(io, at, anchor && { next: anchor.offset, head: anchor })
  while (own.offset <= head.offset) {
    const batches = await own.poll()
    const found = batches.findIndex(batch => sameHead(batch.head, head))
    if (found >= 0) return { own, point, ahead: batches.slice(found + 1), gap: false, since: head.offset }
    if (own.atEnd) return null
  }
  return null
}
