/**
 * A transition: what one slot of one decision teaches. Written (s, a, mu, r, s', g, terminated, truncated):
 *
 * - s   `state`, `candidates`: what the decision at time t was taken on, as logged; nothing is recomputed later.
 * - a   `action`: the slot's item, or the whole slate for slot -1 (written only when the slate has several slots).
 * - mu  `propensity`: P(a in this slot | s, the slots before); for the slate the product, so the joint probability.
 *     A pinned slot's is 1, `deterministic` and `chosen_by` pinned: a rule's, which no policy is to be credited with.
 * - r   `cumulative`: by component c, r_c = reduce_c{values of the outcomes of type c}, the default when there is none.
 *       A component replaces its default, it does not add to it. The scalar reward is sum_c weight_c r_c.
 * - s'  `next_state`, `next_candidates`, `next_masked`: of the session's next decision under the same policy, at time t'.
 * - g   `discount` = gamma^((t' - t) / 1 s). gamma is per second; at gamma = 0 it is 0 at once and no continuation comes.
 * - `terminated`: a `leave` event at or after t, and no decision after it: the value beyond is zero.
 * - `truncated`: no next decision within the session gap, or one that was shed: observation ended, the value beyond is
 *   unknown, not zero.
 *
 * An episode is a session. It starts with its first decision; its last decision is the one without a next: exactly one
 * of terminated and truncated is set there once it closed, both are false before and everywhere else. gamma applies
 * between decisions only: outcomes of one decision are not discounted against each other. So the return is
 * G_t = r_t + g_t G_t', and n-step returns follow by walking `next_decision_id`.
 *
 * A transition is published as revisions 0, 1, 2 …, each with all fields as known then; `delta` is the change of r since
 * the revision before. The sum of deltas is the last `cumulative`; how many revisions there are depends on timing. A
 * change of `examined` alone makes no revision: it rides on the next one.
 */
import type { Examined, Slot } from '../../schemas/records.ts'
import type { Decision, Written } from './decision.ts'
import type { Outcome } from './join.ts'

/** Slot number of the transition of the slate as a whole. */
export const SLATE = -1

export const transitionId = (decisionId: string, slot: number): string => `${decisionId}/${slot}`

/** The event time of a decision: when it was asked for. Windows, order in the session and discounts count from it. */
export const timeOf = (decision: Decision): number => decision.request_time_ms

/** Candidates that a decision could not show: masked for its draws, and put there by no rule either. */
export const unshowable = ({
  constraints: { masked },
  slots,
}: Pick<Decision, 'constraints' | 'slots'>): readonly number[] =>
  masked.length === 0 ? masked : masked.filter(index => !slots.some(({ candidate }) => candidate === index))

/** g: what comes `afterMs` after a decision is worth at it. @param gamma per second */
export const discountAfter = (gamma: number, afterMs: number): number => gamma ** (afterMs / 1000)

/** Slot numbers of a decision's transitions, in the order in which they are kept and written. */
export const slotsOf = ({ slots }: { readonly slots: readonly unknown[] }): number[] =>
  slots.length > 1 ? [...slots.keys(), SLATE] : [...slots.keys()]

/** What differs between revisions; the rest belongs to the decision. */
export type Revised = Pick<
  Written,
  | 'revision'
  | 'kind'
  | 'examined'
  | 'delta'
  | 'cumulative'
  | 'discount'
  | 'next_decision_id'
  | 'next_state'
  | 'next_candidates'
  | 'next_masked'
  | 'terminated'
  | 'truncated'
  | 'reward_time_ms'
  | 'emitted_time_ms'
>

/** The first of a decision of which nothing came, in a bandit; whose outcomes are all known at once has no other. */
export const firstRevision = {
  revision: 0,
  kind: 'initial',
  examined: 'unknown',
  delta: {},
  cumulative: {},
  discount: 0,
  next_decision_id: null,
  next_state: null,
  next_candidates: null,
  next_masked: [],
  terminated: false,
  truncated: false,
  reward_time_ms: null,
  emitted_time_ms: 0,
} as const satisfies Revised

/** One revision, field by field: an object of this size that is spread into another costs as much as all else about it. */
export function transitionOf(decision: Decision, slot: number, revised: Revised): Written {
  const chosen = slot === SLATE ? decision.slots : [decision.slots[slot]]
  const pinned = slot !== SLATE && chosen[0].pinned
  return {
    transition_id: transitionId(decision.decision_id, slot),
    decision_id: decision.decision_id,
    slot,
    slots: decision.slots.length,
    policy: decision.policy,
    user_id: decision.user_id,
    session_id: decision.session_id,
    session_step: decision.session_step,
    state: decision.state,
    candidates: decision.candidates,
    masked: decision.constraints.masked,
    action: chosen.map(each => each.item_id),
    propensity: product(chosen, each => each.conditional_propensity),
    first_draw_propensity: product(chosen, each => each.first_draw_propensity),
    propensity_kind: pinned ? 'deterministic' : decision.propensity_kind,
    mode: decision.mode,
    chosen_by: pinned ? 'pinned' : decision.chosen_by,
    model_version: decision.model_version,
    weight: 1 / decision.pass_probability,
    decision_time_ms: decision.decision_time_ms,
    revision: revised.revision,
    kind: revised.kind,
    examined: revised.examined,
    delta: revised.delta,
    cumulative: revised.cumulative,
    discount: revised.discount,
    next_decision_id: revised.next_decision_id,
    next_state: revised.next_state,
    next_candidates: revised.next_candidates,
    next_masked: revised.next_masked,
    terminated: revised.terminated,
    truncated: revised.truncated,
    reward_time_ms: revised.reward_time_ms,
    emitted_time_ms: revised.emitted_time_ms,
  }
}

/** A product of many small probabilities may underflow: it is 0 only where one of them is. */
const product = (slots: readonly Slot[], of: (slot: Slot) => number): number =>
  slots.some(slot => of(slot) === 0)
    ? 0
    : Math.max(
        Number.MIN_VALUE,
        slots.reduce((sum, slot) => sum * of(slot), 1),
      )

/** Outcomes that count for a slot: its own; for the slate all of them. */
export const outcomesOf = (outcomes: readonly Outcome[], slot: number): readonly Outcome[] =>
  slot === SLATE ? outcomes : outcomes.filter(outcome => outcome.slot === slot)

/** Looked at: anything that happened to it says yes (an activation is about delivery and says nothing). */
export const examinedBy = (outcomes: readonly Outcome[]): Examined =>
  outcomes.some(({ type }) => type !== 'activate' && type !== 'leave') ? 'yes' : 'unknown'
