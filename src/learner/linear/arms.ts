/**
 * Dead arms: items that have a block but are shown no more. What the policy never shows it cannot learn about, and if it
 * was wrong about it, it stays wrong; with an explorer whose every propensity is above 0 there is none, but for items
 * that are no candidates any more.
 */
import type { State } from './state.ts'

/** An arm that had an even share of the decisions would be silent for so many turns once in e^SILENT_TURNS. */
const SILENT_TURNS = 50

/** How many blocks had no decision for as long as the stream takes for 50 decisions an item: a function of times and
 * counts only, so the order of arrival does not matter. */
export function deadArms({ blocks, decisions, clock, firstMs }: State): number {
  if (firstMs < 0 || decisions === 0) return 0
  const turnMs = ((clock.newestMs - firstMs) / decisions) * blocks.size
  const untilMs = clock.newestMs - SILENT_TURNS * turnMs
  let dead = 0
  for (const { lastMs } of blocks.values()) if (lastMs < untilMs) dead++
  return dead
}
