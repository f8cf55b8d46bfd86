/**
 * What serving says of itself: which version serves and since when it exists, which were refused, and how old outcomes
 * were when a version that contains them began to serve in this process, and when it first decided. What was there before
 * the process had caught up is nobody's freshness.
 */
import type { ModelVersion, Recommendation, Release } from '../../schemas/records.ts'
import { HEARTBEAT } from '../heartbeat.ts'
import type { Meter } from '../metrics.ts'
import type { Output } from '../stage.ts'
import { idOfVersion } from '../tracing/records.ts'
import type { TraceOf } from '../tracing/tracer.ts'
import { createFreshnessTracker } from './freshness.ts'
import type { Serving } from './serving.ts'

export interface WatchOptions {
  readonly serving: Serving
  readonly policies: readonly string[]
  readonly meter: Meter
  readonly now: () => number
  /** True once all that was in the topics at the start has been taken. */
  readonly caughtUp: () => boolean
  readonly traceOf?: TraceOf
}

/** The ways into `serving`, watched. */
export interface WatchedServing extends Pick<Serving, 'takeOver' | 'putRelease' | 'forsake'> {
  /** Accepted decisions of a partition. */
  decided(outputs: readonly Output<Recommendation>[], partition: number): void
}

/** Outcomes of versions that serve and have not decided yet, a policy; versions whose making is remembered. */
const KEPT = 1000

export function watchServing({ serving, policies, meter, now, caughtUp, traceOf }: WatchOptions): WatchedServing {
  const tracker = createFreshnessTracker()
  const known = new Map<string, Release>()
  const counted = new Map<string, number>()
  const made = new Map<string, Pick<ModelVersion, 'created_ms' | 'newest_reward_ms'>>()
  const undecided = new Map<string, readonly Undecided[]>()
  const noteMade = ({ policy, version, created_ms, newest_reward_ms }: ModelVersion): void => {
    made.set(`${policy} ${version}`, { created_ms, newest_reward_ms })
    for (const oldest of made.keys()) {
      if (made.size <= KEPT) return
      made.delete(oldest)
    }
  }
  const observe = (until: 'serving' | 'decision', policy: string, version: string, ageMs: number): void =>
    meter.observe(
      'feedloop_freshness_seconds',
      { until },
      Math.max(0, ageMs) / 1000,
      traceOf?.(idOfVersion(policy, version)),
    )
  const lookAt = (policy: string): void => {
    const release = serving.inForce(policy)
    if (!release || release === known.get(policy)) return
    known.set(policy, release)
    const version = newestOf(release)
    meter.set('feedloop_model_version', { stage: 'ranker', policy }, Number(version))
    const madeMs = made.get(`${policy} ${version}`)?.created_ms
    // Of the initial policy there is none, and an old version's time is not the one of before.
    if (madeMs === undefined) meter.remove('feedloop_model_created_timestamp_seconds', { policy })
    else meter.set('feedloop_model_created_timestamp_seconds', { policy }, madeMs / 1000)
    const nowMs = now()
    const agesMs = tracker.putRelease(release, nowMs)
    if (!caughtUp()) return
    for (const ageMs of agesMs) observe('serving', policy, version, ageMs)
    if (agesMs.length === 0) return
    const times = agesMs.map(ageMs => nowMs - ageMs)
    undecided.set(policy, [...(undecided.get(policy) ?? []).slice(1 - KEPT), { version, times }])
  }
  const countRefusals = (): void => {
    for (const [code, count] of serving.refusals) {
      const more = count - (counted.get(code) ?? 0)
      if (more > 0) meter.add('feedloop_models_refused_total', { stage: 'ranker', code }, more)
      counted.set(code, count)
    }
  }
  for (const policy of policies) {
    meter.set('feedloop_model_version', { stage: 'ranker', policy }, 0)
    meter.add('feedloop_model_fallbacks_total', { policy }, 0)
  }
  return {
    *takeOver(model: ModelVersion) {
      yield* serving.takeOver(model)
      if (model.policy !== HEARTBEAT) tracker.putModel(model)
      noteMade(model)
      countRefusals()
      lookAt(model.policy)
    },
    putRelease(release) {
      serving.putRelease(release)
      lookAt(release.policy)
    },
    forsake(policy, version) {
      serving.forsake(policy, version)
      lookAt(policy)
    },
    decided(outputs, partition) {
      const newest = new Map<string, string>()
      for (const { value } of outputs)
        if (value.model_version > (newest.get(value.policy) ?? '')) newest.set(value.policy, value.model_version)
      for (const [policy, version] of newest) {
        const beatMs = policy === HEARTBEAT ? made.get(`${policy} ${version}`)?.newest_reward_ms : undefined
        if (beatMs) meter.set('feedloop_heartbeat_timestamp_seconds', { partition: String(partition) }, beatMs / 1000)
        const waiting = undecided.get(policy) ?? []
        const due = waiting.filter(each => each.version <= version)
        if (due.length === 0) continue
        undecided.set(policy, waiting.slice(due.length))
        const nowMs = now()
        for (const { version, times } of due)
          for (const timeMs of times) observe('decision', policy, version, nowMs - timeMs)
      }
    },
  }
}

interface Undecided {
  readonly version: string
  readonly times: readonly number[]
}

/** '': the initial policy. */
const newestOf = ({ shares }: Release): string =>
  shares
    .map(share => share.model_version)
    .toSorted()
    .at(-1) ?? ''
