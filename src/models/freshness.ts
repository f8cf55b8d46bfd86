/**
 * Freshness: the age of an outcome when the first model that contains it begins to serve. A version lists the times of
 * its new outcomes; a release says when it serves. Versions that never served hand their outcomes on to the next.
 */
import type { ModelVersion, Release } from '../../schemas/records.ts'

export interface FreshnessTracker {
  putModel(model: ModelVersion): void
  /** Ages, ms, of the outcomes that this release makes serve for the first time. */
  putRelease(release: Release, nowMs: number): readonly number[]
}

/** Versions remembered while none is released: some minutes of them. */
const KEPT = 1000

export function createFreshnessTracker(): FreshnessTracker {
  const waiting = new Map<string, { version: string; times: readonly number[] }[]>()
  return {
    putModel({ policy, version, outcome_times_ms: times }) {
      if (times.length === 0) return
      waiting.set(policy, [...(waiting.get(policy) ?? []).slice(1 - KEPT), { version, times }])
    },
    putRelease({ policy, shares }, nowMs) {
      const newest =
        shares
          .map(share => share.model_version)
          .toSorted()
          .at(-1) ?? ''
      const all = waiting.get(policy) ?? []
      waiting.set(
        policy,
        all.filter(each => each.version > newest),
      )
      return all.filter(each => each.version <= newest).flatMap(each => each.times.map(time => nowMs - time))
    },
  }
}
