/**
 * Attribution by name: what an outcome says of itself (decision, slot, item, slate) must fit the decision that it names,
 * or it is refused. Outcomes that name no decision are attributed by what they touch: touch.ts.
 */
import type { BehaviorEvent } from '../../schemas/records.ts'
import type { PolicyConfig } from '../config.ts'
import { badId, type Fault } from '../events/validate.ts'
import type { Decision } from './decision.ts'
import { SLATE, timeOf } from './transition.ts'

/** What speaks against an outcome for the decision that it names; null: nothing.
 * @param leadMs how far clocks may differ: an outcome that is earlier than its decision by more cannot be its own */
export function outcomeFlaw(decision: Decision, event: BehaviorEvent, leadMs: number): Fault | null {
  const { decision_id, slots } = decision
  const earlyMs = timeOf(decision) - event.time_ms
  if (event.user_id !== decision.user_id)
    return { code: 'OUTCOME_WRONG_USER', detail: `decision ${decision_id} was made for another user` }
  if (event.slate_hash !== null && event.slate_hash !== decision.slate_hash)
    return {
      code: 'SLATE_HASH_MISMATCH',
      detail: `echoes ${event.slate_hash}, ${decision_id} has ${decision.slate_hash}`,
    }
  if (event.slot !== null && !slots[event.slot])
    return { code: 'RECORD_INVALID', detail: `slot ${event.slot} of a slate of ${slots.length}` }
  if (event.item_id !== null && !slots.some(slot => slot.item_id === event.item_id))
    return { code: 'OUTCOME_ITEM_NOT_IN_SLATE', detail: `${decision_id} did not show item ${event.item_id}` }
  if (event.slot !== null && event.item_id !== null && slots[event.slot].item_id !== event.item_id)
    return { code: 'RECORD_INVALID', detail: `slot ${event.slot} showed another item than ${event.item_id}` }
  if (earlyMs > leadMs)
    return { code: 'OUTCOME_BEFORE_DECISION', detail: `happened ${earlyMs} ms before ${decision_id}` }
  return null
}

/** The slot that a flawless outcome is about; SLATE when it names neither slot nor item of a slate of several. */
export function slotOf(decision: Decision, event: BehaviorEvent): number {
  if (event.slot !== null) return event.slot
  if (event.item_id !== null) return decision.slots.findIndex(slot => slot.item_id === event.item_id)
  return decision.slots.length === 1 ? 0 : SLATE
}

/** What speaks against learning from a decision; null: nothing. A first-draw propensity of 0 is true and legal: a greedy
 * slate's second item would never have come first. What was drawn, given the slots before it, had some probability. */
export function decisionFlaw(decision: Decision, policies: ReadonlyMap<string, PolicyConfig>): Fault | null {
  const probability = (value: number) => value > 0 && value <= 1
  const { decision_id, user_id, session_id, slots } = decision
  const items = slots.map(slot => slot.item_id)
  for (const id of [decision_id, user_id, session_id, ...items]) {
    const flaw = badId('an id', id)
    if (flaw) return flaw
  }
  if (items.length > 1 && new Set(items).size < items.length)
    return { code: 'RECORD_INVALID', detail: `${decision_id} shows an item twice` }
  if (!policies.has(decision.policy)) return { code: 'RECORD_INVALID', detail: `policy ${decision.policy} is unknown` }
  if (!probability(decision.pass_probability) || !Number.isFinite(1 / decision.pass_probability))
    return { code: 'PROPENSITY_INVALID', detail: `pass_probability ${decision.pass_probability}` }
  for (const { position, conditional_propensity: conditional, first_draw_propensity: first } of decision.slots)
    if (!probability(conditional) || !(first >= 0 && first <= 1))
      return { code: 'PROPENSITY_INVALID', detail: `slot ${position}: conditional ${conditional}, first draw ${first}` }
  return null
}
