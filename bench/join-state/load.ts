/** Decisions of about 1 kB whose every id follows from their number, so that any of millions can be met again. */
import type { BehaviorEvent, Recommendation } from '../../schemas/records.ts'
import { seedOf } from '../../src/state/random.ts'
import { createWorkload } from '../join/workload.ts'

/** Five million of them take six days, less than the correction window. */
const DECISION_EVERY_MS = 100
export const TEMPLATES = 500

export interface Numbered {
  readonly timeOf: (index: number) => number
  decision(index: number): Recommendation
  click(index: number): BehaviorEvent
}

export function numbered(startMs: number): Numbered {
  const workload = createWorkload(TEMPLATES, startMs)
  const templates = Array.from({ length: TEMPLATES }, (_, index) => workload.decision(index))
  const timeOf = (index: number): number => startMs + index * DECISION_EVERY_MS
  const idOf = (index: number): string =>
    `${seedOf(`d${index}`).toString(16).padStart(14, '0')}${seedOf(`e${index}`).toString(16).padStart(14, '0')}`
  const userOf = (index: number): string => `user-${seedOf(`u${Math.floor(index / 10)}`) % 10_000_000}`
  const of = (index: number): Recommendation => {
    const timeMs = timeOf(index)
    const template = templates[index % TEMPLATES]
    return {
      ...template,
      decision_id: idOf(index),
      user_id: userOf(index),
      session_id: `session-of-${userOf(index)}`,
      request_time_ms: timeMs,
      decision_time_ms: timeMs + 3,
    }
  }
  return {
    timeOf,
    decision: of,
    click: index => ({
      event_id: `click-on-${idOf(index)}`,
      user_id: userOf(index),
      session_id: null,
      decision_id: idOf(index),
      item_id: templates[index % TEMPLATES].slots[0].item_id,
      slot: 0,
      type: 'click',
      slate_hash: null,
      value: 1,
      time_ms: timeOf(index) + 30_000,
    }),
  }
}
