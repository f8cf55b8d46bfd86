/**
 * What serving says of itself: which version serves, which were refused, and how old outcomes were when a version that
 * contains them began to serve in this process. What was there before the process had caught up is nobody's freshness.
 */
import type { ModelVersion, Release } from '../../schemas/records.ts'
import type { Meter } from '../metrics.ts'
import { createFreshnessTracker } from './freshness.ts'
import type { Serving } from './serving.ts'

export interface WatchOptions {
  readonly serving: Serving
  readonly policies: readonly string[]
  readonly meter: Meter
  readonly now: () => number
  /** True once all that was in the topics at the start has been taken. */
  readonly caughtUp: () => boolean
}

/** The two ways into `serving`, watched. */
export type WatchedServing = Pick<Serving, 'takeOver' | 'putRelease'>

export function watchServing({ serving, policies, meter, now, caughtUp }: WatchOptions): WatchedServing {
  const tracker = createFreshnessTracker()
  const known = new Map<string, Release>()
  const counted = new Map<string, number>()
  const lookAt = (policy: string): void => {
    const release = serving.inForce(policy)
    if (!release || release === known.get(policy)) return
    known.set(policy, release)
    meter.set('feedloop_serving_model', { policy }, newestNumber(release))
    const nowMs = now()
    const agesMs = tracker.putRelease(release, nowMs)
    if (!caughtUp()) return
    for (const ageMs of agesMs)
      meter.observe('feedloop_freshness_seconds', { until: 'serving' }, Math.max(0, ageMs) / 1000)
  }
  const countRefusals = (): void => {
    for (const [code, count] of serving.refusals) {
      const more = count - (counted.get(code) ?? 0)
      if (more > 0) meter.add('feedloop_models_refused_total', { stage: 'ranker', code }, more)
      counted.set(code, count)
    }
  }
  for (const policy of policies) meter.set('feedloop_serving_model', { policy }, 0)
  return {
    *takeOver(model: ModelVersion) {
      yield* serving.takeOver(model)
      tracker.putModel(model)
      countRefusals()
      lookAt(model.policy)
    },
    putRelease(release) {
      serving.putRelease(release)
      lookAt(release.policy)
    },
  }
}

const newestNumber = ({ shares }: Release): number => Math.max(0, ...shares.map(share => Number(share.model_version)))
