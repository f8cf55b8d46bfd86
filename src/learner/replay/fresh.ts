/**
 * Transitions that are used once, for learners that must follow the policy that decides (PPO, A3C): kept until the segment
 * that they are in is known, handed out, then gone. What was decided by too old a version is dropped, and it and all that comes
 * for it is `stale`; what comes for a transition that was used is `late_unlearned` until it, too, is that old. Late rewards count as far as
 * they come before the use; a transition never teaches twice.
 */
import { policyLag } from '../gradient/lag.ts'
import type { Left } from '../gradient/method.ts'
import type { Example } from '../learner.ts'
import { type Entry, isLearnable, merge } from './buffer.ts'

export interface Fresh {
  /** Takes a revision in. @returns why not: stale, late_unlearned */
  take(example: Example, version: number): string | undefined
  /** Takes a revision back that was taken before a restart, however old it is by now. */
  recall(example: Example): void
  holds(transitionId: string): boolean
  readonly left: Left
  /** A revision that is taken nowhere here: what comes before it in its session does not wait for it. */
  pass(example: Example): void
  /**
   * Segments that are known to their end, disjoint, in order of arrival: `most` decisions, or fewer where the episode ends
   * or the next decision is none that can be learned. Those still open wait, as do those whose next decision has not been
   * seen yet: it may be told after what it follows. Stale ones are dropped.
   */
  segments(version: number): Entry[][]
  /** They were used. */
  remove(segments: readonly (readonly Entry[])[]): void
  /** Transitions dropped while they waited, since it was asked last. */
  dropped(): Drops
  /** Transitions that wait, and those dropped so far as too old or, of more than `capacity`, the oldest. */
  stats(): { readonly buffer: number; readonly stale: number; readonly waiting_evicted: number }
}

type Drops = Readonly<Record<'stale' | 'evicted', number>>

export interface FreshOptions {
  /** Transitions that wait at most. */
  readonly capacity: number
  /** A transition waits for its continuation. */
  readonly bootstraps: boolean
  /** Decisions in a segment. */
  readonly most: number
  /** Versions published since the one that decided. */
  readonly maxPolicyLag: number
}

interface Waiting {
  readonly entry: Entry
  /** Observation ended there, no continuation will come. */
  readonly ended: boolean
}

export function createFresh({ capacity, bootstraps, most, maxPolicyLag }: FreshOptions): Fresh {
  /** By id in order of arrival. */
  const waiting = new Map<string, Waiting>()
  /** Ids of what was here and does not come again, the newest `capacity`. */
  const gone = new Set<string>()
  const drops = { stale: 0, evicted: 0 }
  let untold = { stale: 0, evicted: 0 }
  const leave = (id: string): void => {
    waiting.delete(id)
    gone.add(id)
    if (gone.size > capacity) gone.delete(firstOf(gone)!)
  }
  const drop = (id: string, why: keyof Drops): void => {
    leave(id)
    drops[why]++
    untold[why]++
  }
  const put = (example: Example): void => {
    const { transition_id: id, truncated, revision } = example.transition
    const before = waiting.get(id)
    const isNewer = !before || revision >= before.entry.revision
    waiting.set(id, { entry: merge(before?.entry, example), ended: isNewer ? truncated : before.ended })
    if (waiting.size > capacity) drop(firstOf(waiting.keys())!, 'evicted')
  }
  const dropOld = (version: number): void => {
    for (const [id, { entry }] of waiting) if (policyLag(entry.example, version) > maxPolicyLag) drop(id, 'stale')
  }
  const chainFrom = (first: Entry): Entry[] => {
    const chain: Entry[] = []
    let entry: Entry | undefined = first
    while (entry && isLearnable(entry, bootstraps)) {
      chain.push(entry)
      entry = waiting.get(nextOf(entry) ?? '')?.entry
    }
    return chain
  }
  /** The piece has no other after it, now or later; or it would be too old before the other is seen. */
  const ends = (piece: readonly Entry[], version: number): boolean => {
    const next = nextOf(piece[piece.length - 1])
    if (next === null || gone.has(next)) return true
    return waiting.get(next)?.ended ?? policyLag(piece[0].example, version) === maxPolicyLag
  }
  return {
    take(example, version) {
      const { transition_id: id, kind } = example.transition
      const before = waiting.get(id)
      if (policyLag(example, version) > maxPolicyLag) {
        if (!before && kind === 'initial') drops.stale++
        return 'stale'
      }
      if (!before && (kind !== 'initial' || gone.has(id))) return 'late_unlearned'
      put(example)
      return undefined
    },
    recall: put,
    holds: id => waiting.has(id),
    left: {
      ids: () => gone,
      recall(ids) {
        for (const id of ids) gone.add(id)
      },
    },
    pass({ transition: { transition_id: id, kind } }) {
      if (kind === 'initial' && !waiting.has(id)) leave(id)
    },
    segments(version) {
      dropOld(version)
      const entries = [...waiting.values()].map(({ entry }) => entry)
      const followers = new Set(entries.map(nextOf))
      const starts = entries.filter(({ example }) => !followers.has(example.transition.transition_id))
      return starts.flatMap(first => piecesOf(chainFrom(first), most, piece => ends(piece, version)))
    },
    remove(segments) {
      for (const { example } of segments.flat()) leave(example.transition.transition_id)
    },
    dropped() {
      const dropped = untold
      untold = { stale: 0, evicted: 0 }
      return dropped
    },
    stats: () => ({ buffer: waiting.size, stale: drops.stale, waiting_evicted: drops.evicted }),
  }
}

const firstOf = <T>(values: Iterable<T>): T | undefined => {
  for (const value of values) return value
  return undefined
}

/** Of a chain from its start pieces of `most`; the rest only when nothing follows. */
function piecesOf(chain: readonly Entry[], most: number, ends: (piece: readonly Entry[]) => boolean): Entry[][] {
  const pieces: Entry[][] = []
  for (let from = 0; from < chain.length; from += most) {
    const piece = chain.slice(from, from + most)
    if (piece.length === most || ends(piece)) pieces.push(piece)
  }
  return pieces
}

const nextOf = ({ nextDecisionId, discount }: Entry): string | null =>
  nextDecisionId !== null && discount !== 0 ? `${nextDecisionId}/0` : null
