/**
 * Cancellers that name no decision: a refund comes days later from another system and knows its user and its item. It
 * counts where the outcome counts that it takes back: the latest of its own value that stands and is not after it, else
 * the latest that stands; outcomes that name their decision stand here too. It counts for as long as that decision may be
 * corrected, however many were shown since; one that takes back what no decision has is organic as that is.
 */
import type { Reach, Touch, Touching } from './touch.ts'

const isCanceller = ({ event }: Touching, { cancels }: Reach): boolean => cancels.has(event.type)

/** Every canceller with the outcome that it takes back, where there is one; in order of time each takes its own. */
export function cancellations(touch: Touch, reach: Reach): ReadonlyMap<Touching, Touching> {
  const { events } = touch
  const found = new Map<Touching, Touching>()
  const settled = new Set(events.filter(each => each.fixed && each.follows !== null).map(each => each.follows))
  const taken = new Set(events.filter(({ event }) => settled.has(event.event_id)))
  for (const canceller of events) {
    const { type, time_ms, value, decision_id } = canceller.event
    if (!isCanceller(canceller, reach) || settled.has(canceller.follows)) continue
    const may = (each: Touching): boolean =>
      reach.cancels.get(type)!.has(each.event.type) &&
      each.event.time_ms <= time_ms &&
      (decision_id === null || each.to.includes(decision_id)) &&
      !taken.has(each)
    const outcome = events.findLast(each => each.event.value === value && may(each)) ?? events.findLast(may)
    if (!outcome) continue
    taken.add(outcome)
    found.set(canceller, outcome)
  }
  return found
}

/** The decisions that a canceller counts for: those of its outcome that may still be corrected when it happens. */
export function following({ event }: Touching, outcome: Touching, { shown }: Touch, reach: Reach): readonly string[] {
  const isOpen = (id: string): boolean => {
    const decision = shown.find(each => each.id === id)
    if (!decision) return false
    return event.time_ms - decision.timeMs <= reach.policies.get(decision.policy)!.correctionWindowMs
  }
  return outcome.to.filter(isOpen)
}
