/**
 * The reader's rule as an incremental state machine, without I/O: a batch is accepted if and only if its `prev` is the
 * last accepted batch; any other is skipped and counted. Of two rivals the first in the log wins, for every reader alike.
 *
 * Start anywhere: from the genesis, from a stored head, or from a bare offset. From a bare offset nothing can be judged
 * until a batch names a `prev` at or after it: that one is accepted (an honest `prev` names an accepted batch), and so
 * are those that are reached from it backwards; the rule goes on from there. A batch with no such witness is
 * undecidable, not accepted: the last batch in a log is a guess.
 *
 * A fault (the log is not the one that was known) is final but for a newer epoch (`feedloop chain adopt`).
 */
import { FeedloopError } from '../../errors.ts'
import type { LogRecord } from '../log.ts'
import type { Batch } from './batches.ts'
import { batchCutter } from './batches.ts'
import type { Head } from './header.ts'
import { sameHead } from './header.ts'
import { chainRules, startsEpoch } from './rules.ts'

export type ReaderStart =
  | { readonly from: 'genesis' }
  /** `reread`: the stream begins with the head's own batch, which is verified and yielded again. */
  | { readonly from: 'head'; readonly head: Head; readonly reread: boolean }
  | { readonly from: 'offset'; readonly offset: number }
  /** What stood after `head` is gone: only a newer epoch is accepted. */
  | { readonly from: 'fault'; readonly head: Head | null; readonly fault: FeedloopError }

export interface ChainReader {
  /** @throws FeedloopError CHAIN_HEADER_INVALID */
  feed(records: readonly LogRecord[]): readonly Batch[]
  /** An accepted batch known from elsewhere: decides where no witness is in the log. */
  witness(head: Head): readonly Batch[]
  readonly head: Head | null
  readonly anchored: boolean
  readonly fault: FeedloopError | null
  /** Batches not accepted so far. */
  readonly skipped: number
  /** The last batch seen, accepted or not. */
  readonly last: Head | null
}

/** Accepted heads kept to tell a rival that came late from a log that is not the one that was known. */
const remembered = 128

export function createReader(start: ReaderStart, rules = chainRules): ChainReader {
  const cut = batchCutter(start.from === 'offset')
  let head = start.from === 'head' || start.from === 'fault' ? start.head : null
  let anchored = start.from !== 'offset'
  let reread = start.from === 'head' && start.reread
  let fault = start.from === 'fault' ? start.fault : null
  let pending: Batch[] = []
  let awaited: Head | null = null
  let recent: Head[] = head === null ? [] : [head]
  let skipped = 0
  let last: Head | null = null
  const firstOffset = start.from === 'offset' ? start.offset : 0

  const remember = (accepted: Head): void => {
    recent.push(accepted)
    if (recent.length > remembered) recent = recent.slice(-remembered / 2)
  }
  const accept = (batch: Batch): Batch[] => {
    head = batch.head
    remember(head)
    fault = null
    return [batch]
  }
  const skip = (): Batch[] => {
    skipped++
    return []
  }
  const fail = (batch: Batch): Batch[] => {
    const known = head === null ? 'nothing' : `${head.offset}/${head.id}`
    const named = batch.header.prev === null ? 'nothing' : `${batch.header.prev.offset}/${batch.header.prev.id}`
    fault = new FeedloopError(
      'CHAIN_IDENTITY_LOST',
      `known head ${known}; found ${batch.head.offset}/${batch.head.id} after ${named}`,
    )
    return skip()
  }
  const judge = (batch: Batch): Batch[] => {
    if (fault !== null) return startsEpoch(batch.header, head) ? accept(batch) : skip()
    if (reread) {
      reread = false
      return rules.isHead(batch.head, head!) ? accept(batch) : fail(batch)
    }
    if (rules.follows(batch.header, head)) return accept(batch)
    return rules.contradicts(batch.header, batch.head.offset, recent) ? fail(batch) : skip()
  }
  /** `known` is accepted: so is what it goes back to; then the rule from there. */
  const settle = (known: Head): Batch[] => {
    const byOffset = new Map(pending.map(batch => [batch.head.offset, batch]))
    const chain: Batch[] = []
    for (let at: Head | null = known; at !== null && at.offset >= firstOffset; at = chain[0]!.header.prev) {
      const batch = byOffset.get(at.offset)
      if (batch === undefined || !sameHead(batch.head, at)) return failSettling(known)
      chain.unshift(batch)
    }
    const later = pending.filter(batch => batch.head.offset > known.offset)
    skipped += pending.length - later.length - chain.length
    pending = []
    anchored = true
    head = chain.at(-1)?.head ?? known
    recent = []
    for (const batch of chain) remember(batch.head)
    if (chain.length === 0) remember(known)
    return [...chain, ...later.flatMap(judge)]
  }
  const failSettling = (known: Head): Batch[] => {
    fault = new FeedloopError('CHAIN_IDENTITY_LOST', `${known.offset}/${known.id} or what it names is not in the log`)
    anchored = true
    skipped += pending.length
    pending = []
    return []
  }
  const seek = (batch: Batch): Batch[] => {
    pending.push(batch)
    if (awaited !== null) return batch.head.offset < awaited.offset ? [] : settle(awaited)
    const known = rules.witnessed(batch, firstOffset)
    return known === null ? [] : settle(known)
  }
  return {
    feed(records) {
      const accepted: Batch[] = []
      for (const batch of cut(records)) {
        last = batch.head
        accepted.push(...(anchored ? judge(batch) : seek(batch)))
      }
      return accepted
    },
    witness(known) {
      if (anchored) return []
      if (known.offset < firstOffset || pending.some(batch => batch.head.offset >= known.offset)) return settle(known)
      awaited = known
      return []
    },
    get head() {
      return head
    },
    get anchored() {
      return anchored
    },
    get fault() {
      return fault
    },
    get skipped() {
      return skipped
    },
    get last() {
      return last
    },
  }
}
