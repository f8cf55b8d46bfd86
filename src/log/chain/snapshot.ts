/**
 * A state that was kept on disk says which accepted step it is the state after. It is a cache: before anything is built
 * on it, the reader's rule must accept that very step in the log that is there now. The step's own `prev` names an
 * accepted batch, and from that one the rule decides. What the chain does not have, what retention has cut off, or what
 * cannot be brought forward because its inputs are gone, is dropped, and the state is rebuilt from the topics.
 */
import { isCode } from '../../errors.ts'
import type { ChainPoint, StageState } from '../../stage.ts'
import type { Batch } from './batches.ts'
import type { ChainFeed, ChainPosition } from './feed.ts'
import { openFeed } from './feed.ts'
import type { StepHeader } from './header.ts'
import { sameHead } from './header.ts'
import type { ChainIo, Partition } from './rim.ts'

/** Where recovery begins to fold. */
export interface Beginning {
  readonly own: ChainFeed
  /** What the state contains already; null: nothing. */
  readonly point: ChainPoint | null
  /** Accepted batches after it that were read already. */
  readonly ahead: readonly Batch[]
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
    const found = await find(io, at, point)
    if (found !== null && (await hasInputs(point.header))) return found
    const where = `${at.topic}/${at.partition} at ${point.head.offset}/${point.head.id}`
    await state.reset?.(found === null ? 'not_in_chain' : 'behind_retention', where)
    const next = state.openedAt ?? null
    point = next === point ? null : next
  }
  return { own: await openFeed(io, at, from), point: null, ahead: [] }
}

/** Reads from the batch before the point; null when the chain does not accept the point after it. */
async function find(io: ChainIo, at: Partition, point: ChainPoint): Promise<Beginning | null> {
  const { head, header } = point
  try {
    const own = await openFeed(io, at, header.prev && { next: header.prev.offset, head: header.prev })
    while (own.offset <= head.offset) {
      const batches = await own.poll()
      const found = batches.findIndex(batch => sameHead(batch.head, head))
      if (found >= 0) return { own, point, ahead: batches.slice(found + 1) }
      if (own.atEnd) return null
    }
    return null
  } catch (error) {
    const gone = ['CHAIN_IDENTITY_LOST', 'OFFSET_OUT_OF_RANGE', 'CHAIN_HEADER_INVALID'] as const
    if (gone.some(code => isCode(error, code))) return null
    throw error
  }
}
