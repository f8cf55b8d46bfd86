/**
 * From decisions of one session to the examples that the joiner would make of them: a decision is told once what follows it is
 * known, as one initial revision with its whole reward. What ends by a `leave` is terminated, what ends otherwise truncated.
 */
import type { Recommendation, Transition } from '../../schemas/records.ts'
import type { PolicyConfig } from '../config.ts'
import type { Act, Observation } from '../environments/environment.ts'
import type { Outcome } from '../transitions/join.ts'
import { rewardOf } from '../transitions/reward.ts'
import {
  discountAfter,
  examinedBy,
  firstRevision,
  outcomesOf,
  slotsOf,
  timeOf,
  transitionOf,
  unshowable,
} from '../transitions/transition.ts'

/** A decision whose continuation is open. */
export interface Open {
  readonly decision: Recommendation
  readonly outcomes: readonly Outcome[]
}

/** What came of a slate at once. */
export const openDecision = (decision: Recommendation, acts: readonly Act[]): Open => ({
  decision,
  outcomes: acts.map((act, i) => ({
    id: String(i),
    type: act.type,
    slot: decision.slots.findIndex(({ item_id }) => item_id === act.itemId),
    value: act.value,
    timeMs: timeOf(decision),
    parts: 1,
  })),
})

/** The way on: the session's next decision, or its last observation. */
export type Following = { readonly decision: Recommendation } | { readonly end: Observation }

/** One transition a slot, then that of the slate where there are several. */
export function transitionsOf({ decision, outcomes }: Open, following: Following, policy: PolicyConfig): Transition[] {
  const wayOn = policy.gamma === 0 ? noWayOn : wayOnOf(decision, following, policy.gamma)
  return slotsOf(decision).map(slot => {
    const own = outcomesOf(outcomes, slot)
    const reward = rewardOf(own, policy)
    return transitionOf(decision, slot, {
      ...firstRevision,
      ...wayOn,
      delta: reward,
      cumulative: reward,
      examined: examinedBy(own),
      reward_time_ms: own.length > 0 ? timeOf(decision) : null,
      emitted_time_ms: timeOf(decision),
    }) as Transition
  })
}

/** At γ = 0 nothing beyond counts. */
const noWayOn = { discount: 0 }

function wayOnOf(decision: Recommendation, following: Following, gamma: number) {
  if ('decision' in following) {
    const { decision: next } = following
    return {
      discount: discountAfter(gamma, timeOf(next) - timeOf(decision)),
      next_decision_id: next.decision_id,
      next_state: next.state,
      next_candidates: next.candidates,
      next_masked: unshowable(next),
    }
  }
  const terminated = following.end.organic.some(({ type }) => type === 'leave')
  return { discount: null, terminated, truncated: !terminated }
}
