/** How many different items this process shows: in the last full window, or since the present one began if those are more. */
import type { Recommendation } from '../../schemas/records.ts'

export interface Coverage {
  /** @returns the number of different items, once these are shown too */
  show(decision: Recommendation, nowMs: number): number
}

const WINDOW_MS = 3_600_000

/** @param windowMs length of a window, ms */
export function createCoverage(windowMs = WINDOW_MS): Coverage {
  let shown = new Set<string>()
  let before = 0
  let endMs = Number.NEGATIVE_INFINITY
  return {
    show({ slots }, nowMs) {
      if (nowMs >= endMs) {
        before = nowMs < endMs + windowMs ? shown.size : 0
        shown = new Set()
        endMs = nowMs + windowMs
      }
      for (const { item_id } of slots) shown.add(item_id)
      return Math.max(before, shown.size)
    },
  }
}
