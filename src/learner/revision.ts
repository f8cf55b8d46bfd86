/** Revisions of which only what a regression on the state reads is there: what one learner makes for another behind it, and what is played. */
import type { Example } from './learner.ts'
import type { LearnedTransition } from './wire.ts'

export interface Said {
  readonly transitionId: string
  readonly itemId: string
  readonly kind: 'initial' | 'reward'
  readonly timeMs: number
  readonly weight: number
  readonly delta: Readonly<Record<string, number>>
  readonly cumulative: Readonly<Record<string, number>>
}

export function revisionOf({ transitionId, itemId, timeMs, ...said }: Said, state: Float64Array): Example {
  const transition: LearnedTransition = {
    ...nothingElse,
    ...said,
    transition_id: transitionId,
    decision_id: transitionId,
    action: [itemId],
    decision_time_ms: timeMs,
    emitted_time_ms: timeMs,
  }
  return onState(transition, state)
}

/** Without candidates, what comes after, and the scalar reward: its components stand in the transition. */
export const onState = (transition: LearnedTransition, state: Float64Array): Example => ({
  transition,
  state,
  candidates: [],
  action: -1,
  nextState: null,
  nextCandidates: null,
  deltaReward: 0,
  reward: 0,
})

const nothingElse = {
  revision: 0,
  slot: 0,
  slots: 1,
  policy: '',
  user_id: '',
  session_id: '',
  session_step: 0,
  state: { profile_version: 0, profile: null, history: [], counts: {}, context: {} },
  masked: [],
  propensity: 1,
  first_draw_propensity: 1,
  propensity_kind: 'unknown',
  mode: 'online',
  chosen_by: 'policy',
  examined: 'unknown',
  discount: 0,
  next_decision_id: null,
  terminated: false,
  truncated: false,
  model_version: '',
  reward_time_ms: null,
} as const
