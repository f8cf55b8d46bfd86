/**
 * What slates of several slots earned as wholes (slot -1 of the stream), by decision: in it are outcomes that name no place. A revision
 * replaces what the one before it said; the oldest go.
 */
import type { Example } from '../learner.ts'

export interface SlateReward {
  readonly revision: number
  readonly reward: number
  /** What it is made of, by component. */
  readonly cumulative: Readonly<Record<string, number>>
}

export interface SlateRewards {
  /** @returns why a revision is not taken: late_unlearned */
  take(example: Example): string | undefined
  find(decisionId: string): SlateReward | undefined
  /** @param transitionId of a slate as a whole */
  holds(transitionId: string): boolean
}

/** @param capacity slates */
export function createSlateRewards(capacity: number): SlateRewards {
  /** By transition id, in order of arrival. */
  const known = new Map<string, SlateReward>()
  return {
    take({ transition: { transition_id: id, kind, revision, cumulative }, reward }) {
      const before = known.get(id)
      if (!before && kind !== 'initial') return 'late_unlearned'
      if (before && before.revision > revision) return undefined
      known.set(id, { revision, reward, cumulative })
      if (known.size > capacity) known.delete(known.keys().next().value!)
      return undefined
    },
    find: decisionId => known.get(`${decisionId}/-1`),
    holds: id => known.has(id),
  }
}
