/**
 * Repeats: events whose id came before. The joiner knows an id for a correction window, from the event's time where
 * something hangs on it, else from when it came (`forgottenAt`, src/transitions/absorb.ts), and drops it within SLACK_MS
 * after that. What comes again then is new, and finds only decisions younger than itself: the older ones went before it.
 */
import type { BehaviorEvent } from '../../../schemas/records.ts'
import { type Moment, SLACK_MS } from './walk.ts'

/** What the joiner knew of an id when it came again: the event for certain, or perhaps no longer. */
export interface Known {
  /** Hash of the event's content. */
  readonly content: number
  readonly isSure: boolean
}

export interface Memory {
  /** Null: nothing. */
  recall(eventId: string, moment: Moment): Known | null
  /** @returns the event by the name under which it is joined: of its own where its id came before */
  note(event: BehaviorEvent, content: number, at: { readonly offset: number; readonly moment: Moment }): BehaviorEvent
}

interface Noted {
  readonly content: number
  readonly timeMs: number
  readonly moment: Moment
}

/** @param keepMs the longest correction window */
export function openMemory(keepMs: number): Memory {
  const noted = new Map<string, Noted>()
  return {
    recall(eventId, moment) {
      const before = noted.get(eventId)
      if (!before || isForgotten(before, moment, keepMs)) return null
      const isSure = before.moment.step === moment.step || moment.clockMs < before.timeMs + keepMs
      return { content: before.content, isSure }
    },
    note(event, content, { offset, moment }) {
      const isRepeated = noted.has(event.event_id)
      noted.set(event.event_id, { content, timeMs: event.time_ms, moment })
      return isRepeated ? { ...event, event_id: `${event.event_id}${AGAIN}${offset}` } : event
    },
  }
}

/** For certain. What the clock was before a cut is not known. */
const isForgotten = ({ timeMs, moment }: Noted, { clockMs }: Moment, keepMs: number): boolean =>
  !moment.context && clockMs >= Math.max(timeMs, moment.clockMs) + keepMs + SLACK_MS

/** No valid id holds it. */
const AGAIN = '\0'

export const isRepeat = ({ event_id }: BehaviorEvent): boolean => event_id.includes(AGAIN)

/** Its id in the log. */
export const idOf = ({ event_id }: BehaviorEvent): string => event_id.split(AGAIN, 1)[0]!
