/**
 * Transitions that are used once, for learners that must follow the policy that decides (PPO, A3C): kept until the segment
 * that they are in is known, handed out, then gone. What was decided by too old a version is dropped, and it and all that comes
 * for it is `stale`; what comes for a transition that was used is `late_unlearned` until it, too, is that old. Late rewards count as far as
 * they come before the use; a transition never teaches twice.
 */
import { policyLag } from '../gradient/lag.ts'
import type { Example } from '../learner.ts'
import { createBuffer, type Entry } from './buffer.ts'

export interface Fresh {
  /** Takes a revision in. @returns why not: stale, late_unlearned */
  take(example: Example, version: number): string | undefined
  /**
   * Segments that are known to their end, disjoint, in order of arrival: `most` decisions, or fewer where the episode ends
   * or the next decision is none that can be learned. Those still open wait. Stale ones are dropped.
   */
  segments(version: number): Entry[][]
  /** They were used. */
  remove(segments: readonly (readonly Entry[])[]): void
  /** Transitions that wait, and those dropped so far as too old or, of more than `capacity`, the oldest. */
  stats(): { readonly buffer: number; readonly stale: number; readonly waiting_evicted: number }
}

export interface FreshOptions {
  /** Transitions kept at most. */
  readonly capacity: number
  /** A transition waits for its continuation. */
  readonly bootstraps: boolean
  /** Decisions in a segment. */
  readonly most: number
  /** Versions published since the one that decided. */
  readonly maxPolicyLag: number
}

export function createFresh({ capacity, bootstraps, most, maxPolicyLag }: FreshOptions): Fresh {
  const buffer = createBuffer(capacity, bootstraps)
  /** By id in order of arrival; true: observation ended there, no continuation will come. */
  const waiting = new Map<string, boolean>()
  const dropped = { stale: 0, evicted: 0 }
  const drop = (id: string, why: keyof typeof dropped): void => {
    waiting.delete(id)
    dropped[why]++
  }
  const dropOld = (version: number): void => {
    for (const id of waiting.keys()) {
      const entry = buffer.find(id)
      if (!entry) drop(id, 'evicted')
      else if (policyLag(entry.example, version) > maxPolicyLag) drop(id, 'stale')
    }
  }
  /** @returns its entry when it still waits */
  const unused = (id: string | null): Entry | undefined =>
    id !== null && waiting.has(id) ? buffer.find(id) : undefined
  const chainFrom = (first: Entry): Entry[] => {
    const chain: Entry[] = []
    for (let entry: Entry | undefined = first; entry && buffer.learnable(entry); entry = unused(nextOf(entry)))
      chain.push(entry)
    return chain
  }
  /** The last of a chain has no other after it, now or later. */
  const ends = (last: Entry): boolean => {
    const next = nextOf(last)
    return unused(next) === undefined || waiting.get(next!) === true
  }
  return {
    take(example, version) {
      const { transition_id: id, kind, truncated } = example.transition
      const known = waiting.has(id)
      if (policyLag(example, version) > maxPolicyLag) {
        if (!known && kind === 'initial') dropped.stale++
        return 'stale'
      }
      if (!known && (kind !== 'initial' || buffer.find(id))) return 'late_unlearned'
      buffer.put(example)
      waiting.set(id, truncated)
      return undefined
    },
    segments(version) {
      dropOld(version)
      const entries = [...waiting.keys()].map(id => buffer.find(id)!)
      const followers = new Set(entries.map(nextOf))
      const starts = entries.filter(({ example }) => !followers.has(example.transition.transition_id))
      return starts.flatMap(first => piecesOf(chainFrom(first), most, ends))
    },
    remove(segments) {
      for (const { example } of segments.flat()) waiting.delete(example.transition.transition_id)
    },
    stats: () => ({ buffer: waiting.size, stale: dropped.stale, waiting_evicted: dropped.evicted }),
  }
}

/** Of a chain from its start pieces of `most`; the rest only when nothing follows. */
function piecesOf(chain: readonly Entry[], most: number, ends: (last: Entry) => boolean): Entry[][] {
  const pieces: Entry[][] = []
  for (let from = 0; from < chain.length; from += most) {
    const piece = chain.slice(from, from + most)
    if (piece.length === most || ends(piece[piece.length - 1])) pieces.push(piece)
  }
  return pieces
}

const nextOf = ({ nextDecisionId, discount }: Entry): string | null =>
  nextDecisionId !== null && discount !== 0 ? `${nextDecisionId}/0` : null
