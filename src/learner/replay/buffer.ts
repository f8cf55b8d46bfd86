/**
 * Transitions kept for replay, by id: a revision *replaces* what an entry says, so that gradients are always those of the
 * cumulative reward. A ring of numbered places: the oldest goes when it is full. Entries whose continuation is still unknown
 * are kept but not drawn when the learner bootstraps.
 */
import type { Random } from '../../state/random.ts'
import type { Example } from '../learner.ts'

export interface Entry {
  readonly example: Example
  readonly revision: number
  readonly reward: number
  /** What it is made of, by component. */
  readonly cumulative: Readonly<Record<string, number>>
  /** γ to the next decision; null while unknown. */
  readonly discount: number | null
  readonly nextState: Float64Array | null
  /** As in Example. */
  readonly nextCandidates: readonly Float32Array[] | null
  /** The session's next decision; null while unknown and at the end. */
  readonly nextDecisionId: string | null
}

export interface Buffer {
  /** @returns the place, in [0, capacity), where the transition stands; -1 when the revision's transition is not here (any more) */
  put(example: Example): number
  /** Undefined where none ever was, or has been let go. */
  at(place: number): Entry | undefined
  find(transitionId: string): Entry | undefined
  holds(transitionId: string): boolean
  /** Lets the oldest go, in order of arrival, as long as they are `past`. @returns the places that are empty now */
  expire(past: (entry: Entry) => boolean): number[]
  /** Its reward stands and, when the learner bootstraps, so does what comes after it. */
  learnable(entry: Entry): boolean
  /** Up to `count` entries that can be learned, drawn uniformly with replacement. */
  sample(random: Random, count: number): Entry[]
  readonly size: number
}

/** Draws tried for each entry wanted, before a sparse buffer gives fewer. */
const TRIES = 8

/** @param bootstraps an entry can be learned only when its continuation is known */
export function createBuffer(capacity: number, bootstraps: boolean): Buffer {
  const ring: (Entry | undefined)[] = []
  const places = new Map<string, number>()
  /** Place of the oldest, and how many there are from it on. */
  let first = 0
  let count = 0
  const learnable = (entry: Entry): boolean => isLearnable(entry, bootstraps)
  /** By age and not by place, so that a buffer that is filled anew with the same is drawn from alike. */
  const oldest = (index: number): Entry => ring[(first + index) % capacity]!
  const leave = (): number => {
    const place = first
    places.delete(ring[place]!.example.transition.transition_id)
    ring[place] = undefined
    first = (first + 1) % capacity
    count--
    return place
  }
  const insert = (id: string, entry: Entry): number => {
    if (count === capacity) leave()
    const place = (first + count++) % capacity
    ring[place] = entry
    places.set(id, place)
    return place
  }
  return {
    put(example) {
      const { transition_id: id, kind } = example.transition
      const place = places.get(id)
      if (place === undefined) return kind === 'initial' ? insert(id, merge(undefined, example)) : -1
      ring[place] = merge(ring[place], example)
      return place
    },
    at: place => ring[place],
    find: id => {
      const place = places.get(id)
      return place === undefined ? undefined : ring[place]
    },
    holds: id => places.has(id),
    expire(past) {
      const left: number[] = []
      while (count > 0 && past(ring[first]!)) left.push(leave())
      return left
    },
    learnable,
    sample(random, wanted) {
      const drawn: Entry[] = []
      for (let tries = TRIES * wanted; tries > 0 && drawn.length < wanted && count > 0; tries--) {
        const entry = oldest(Math.floor(random.uniform() * count))
        if (learnable(entry)) drawn.push(entry)
      }
      return drawn
    },
    get size() {
      return places.size
    },
  }
}

export const isLearnable = ({ discount, nextState }: Entry, bootstraps: boolean): boolean =>
  !bootstraps || discount === 0 || (discount !== null && nextState !== null)

/** The newest revision's reward; the continuation from whichever revision names one. */
export function merge(before: Entry | undefined, example: Example): Entry {
  const { revision, terminated, discount } = example.transition
  const newer = !before || revision >= before.revision
  const known = terminated ? 0 : discount
  const named = known !== null && (newer || before.discount === null)
  return {
    example: before?.example ?? example,
    revision: newer ? revision : before.revision,
    reward: newer ? example.reward : before.reward,
    cumulative: newer ? example.transition.cumulative : before.cumulative,
    discount: named ? known : (before?.discount ?? null),
    nextState: named ? example.nextState : (before?.nextState ?? null),
    nextCandidates: named ? example.nextCandidates : (before?.nextCandidates ?? null),
    nextDecisionId: named ? example.transition.next_decision_id : (before?.nextDecisionId ?? null),
  }
}
