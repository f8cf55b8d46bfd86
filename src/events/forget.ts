/**
 * Erasure as a record of its own: an event of the reserved type `$forget` says that its user is to be forgotten. It flows
 * through `events` like all that people do, so every task that keeps something of them takes it in order, and a rebuild
 * takes it again. What comes after it starts afresh. Types that begin with `$` are ours; intake lets none in.
 */
import type { BehaviorEvent } from '../../schemas/records.ts'

export const FORGET = '$forget'

export const isReserved = (type: string): boolean => type.startsWith('$')

export const isForget = ({ type }: Pick<BehaviorEvent, 'type'>): boolean => type === FORGET

/** @param id unique, without the user's id in it */
export const forgetEvent = (userId: string, id: string, timeMs: number): BehaviorEvent => ({
  event_id: id,
  user_id: userId,
  session_id: null,
  decision_id: null,
  item_id: null,
  slot: null,
  type: FORGET,
  slate_hash: null,
  value: null,
  time_ms: timeMs,
})

/** A `$forget` that names more than its user, or a reserved type that is not known, was not written by us. */
export function badReserved({ type, session_id, decision_id, item_id, slot, value }: BehaviorEvent): string | null {
  if (!isReserved(type)) return null
  if (type !== FORGET) return `type: ${type} is reserved`
  const named = [session_id, decision_id, item_id, slot, value].some(each => each !== null)
  return named ? `type: ${FORGET} names more than its user` : null
}
