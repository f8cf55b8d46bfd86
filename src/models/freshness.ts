/**
 * Freshness: the age of an outcome when the first model that contains it begins to serve. A version lists the times of
 * its new outcomes; a release says when it serves. Versions that never served hand their outcomes on to the next.
 */
import type { ModelVersion, Release } from '../../schemas/records.ts'

export interface FreshnessTracker {
  /** One that is older than one before is there for a rollback, and not for the first time. */
  putModel(model: ModelVersion): void
  /** Ages, ms, of the outcomes that this release makes serve for the first time. */
  putRelease(release: Release, nowMs: number): readonly number[]
}

/** Versions remembered while none is released: some minutes of them. */
const KEPT = 1000

export function createFreshnessTracker(): FreshnessTracker {
  const newest = new Map<string, string>()
  const waiting = new Map<string, { version: string; times: readonly number[] }[]>()
  return {
    putModel({ policy, version, outcome_times_ms: times }) {
      if (version <= (newest.get(policy) ?? '')) return
      newest.set(policy, version)
      if (times.length === 0) return
      waiting.set(policy, [...(waiting.get(policy) ?? []).slice(1 - KEPT), { version, times }])
    },
    putRelease({ policy, shares }, nowMs) {
      const serves =
        shares
          .map(share => share.model_version)
          .toSorted()
          .at(-1) ?? ''
      const all = waiting.get(policy) ?? []
      waiting.set(
        policy,
        all.filter(each => each.version > serves),
      )
      return all.filter(each => each.version <= serves).flatMap(each => each.times.map(time => nowMs - time))
    },
  }
}
