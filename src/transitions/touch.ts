/**
 * Touches: all decisions that showed one item to one user, and the outcomes on it that name no decision. Which decisions
 * an outcome counts for depends on the set of both only, so a decision that arrives late takes over what is its own.
 *
 * An outcome counts once in all, whatever the number of policies: the last touch says whose it is, and that policy's
 * `attribution` which of its decisions share it. Decisions after the outcome (backwardWindowMs) are touched only where
 * none came before it, for a person cannot react to what they have not seen.
 */
import type { BehaviorEvent } from '../../schemas/records.ts'
import type { PolicyConfig } from '../config.ts'

/** One decision that showed an item to a user. */
export interface Shown {
  readonly id: string
  readonly policy: string
  readonly timeMs: number
}

export interface Unnamed {
  readonly event: BehaviorEvent
  /** Decisions that share it now, in order; empty: none. */
  readonly to: readonly string[]
}

/** All decisions that showed one item to one user, and the outcomes on it that name no decision. */
export interface Touch {
  readonly shown: readonly Shown[]
  readonly events: readonly Unnamed[]
}

export type Policies = ReadonlyMap<string, PolicyConfig>

export const emptyTouch: Touch = { shown: [], events: [] }

export const touchKey = (userId: string, itemId: string): string => `${userId}\0${itemId}`

const byTime = (a: Shown, b: Shown): number => a.timeMs - b.timeMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** The decisions that an outcome counts for, by the way of the policy of the last touch.
 * @returns ids in order of time; each gets an equal part */
export function touched(shown: readonly Shown[], event: BehaviorEvent, policies: Policies): readonly string[] {
  const candidates = candidatesOf(shown, event, policies)
  if (candidates.length === 0) return []
  const isForward = candidates[0].timeMs <= event.time_ms
  const nearest = isForward ? candidates.at(-1)! : candidates[0]
  const own = candidates.filter(each => each.policy === nearest.policy)
  const way = policies.get(nearest.policy)!.attribution
  if (way === 'even-split') return own.map(each => each.id)
  return [way === 'first-touch' ? own[0].id : nearest.id]
}

/** Decisions of a policy that rewards the type, with the outcome in their window; those after it only if none is before. */
function candidatesOf(shown: readonly Shown[], event: BehaviorEvent, policies: Policies): Shown[] {
  const rewarding = shown.filter(each => policies.get(each.policy)!.rewards[event.type])
  const before = rewarding.filter(each => {
    const ageMs = event.time_ms - each.timeMs
    return ageMs >= 0 && ageMs <= policies.get(each.policy)!.attributionWindowMs
  })
  if (before.length > 0) return before.sort(byTime)
  return rewarding
    .filter(each => {
      const earlyMs = each.timeMs - event.time_ms
      return earlyMs > 0 && earlyMs <= policies.get(each.policy)!.backwardWindowMs
    })
    .sort(byTime)
}
