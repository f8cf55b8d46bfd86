/** Small worlds for the ranker's tests. */
import type { BehaviorEvent, ItemFeatures, Recommendation, Request, UserFeatures } from '../../schemas/records.ts'
import { createFeatureStore, vectorToBytes } from '../../src/features/store.ts'
import type { Policy } from '../../src/models/policy.ts'
import type { TopicName } from '../../src/pipeline.ts'
import type { RankerView, Serving } from '../../src/ranker/decide.ts'
import type { Input } from '../../src/stage.ts'

export const nowMs = 1_700_000_000_000

export const request = (over: Partial<Request> = {}): Request => ({
  request_id: 'r1',
  user_id: 'ann',
  session_id: null,
  policy: 'default',
  time_ms: nowMs,
  deadline_ms: null,
  slots: 1,
  context: {},
  candidates: null,
  baseline: null,
  excluded: null,
  pinned: null,
  deferred: false,
  explain: false,
  ...over,
})

export const event = (over: Partial<BehaviorEvent> = {}): BehaviorEvent => ({
  event_id: 'e1',
  user_id: 'ann',
  session_id: null,
  decision_id: null,
  item_id: 'i0',
  slot: null,
  type: 'click',
  slate_hash: null,
  value: null,
  time_ms: nowMs,
  ...over,
})

export const profile = (over: Partial<UserFeatures> = {}): UserFeatures => ({
  user_id: 'ann',
  profile_version: 1,
  encoder_version: 'test-1',
  vector: vectorToBytes(Float32Array.of(1, 2)),
  attributes: {},
  time_ms: nowMs,
  ...over,
})

export const input = <T>(topic: TopicName, value: T): Input<T> => ({
  topic,
  partition: 0,
  offset: 0,
  key: null,
  value,
  timestampMs: nowMs,
  headers: {},
})

/** Items i0, i1 … with one-hot vectors; `unavailable` ones are known but must not be shown. */
export function catalogue(count: number, unavailable: readonly string[] = []) {
  const features = createFeatureStore()
  for (const item of catalogueRecords(count, Math.max(2, count)))
    features.put({ ...item, available: !unavailable.includes(item.item_id) })
  return features
}

export const catalogueRecords = (count: number, dimensions: number): ItemFeatures[] =>
  Array.from({ length: count }, (_, i) => {
    const vector = new Float32Array(dimensions)
    vector[i % dimensions] = 1
    return {
      feature_key: `i${i}@${i + 1}`,
      item_id: `i${i}`,
      feature_version: i + 1,
      encoder_version: 'test-1',
      vector: vectorToBytes(vector),
      attributes: {},
      available: true,
      time_ms: nowMs,
    }
  })

export const initialServing: Serving = { policy: null, releaseVersion: '', mode: 'online', evidence: {} }

export const view = (over: Partial<RankerView> = {}): RankerView => ({
  features: catalogue(4),
  serving: () => initialServing,
  catalogueReady: true,
  ...over,
})

/** A policy that scores an item by the sum of its vector times `weights`, with deviation one tenth. */
export const weighted = (weights: readonly number[]): Policy => ({
  version: '000007',
  algorithm: 'linear-gaussian',
  scorer: (_state, { vectors }) => ({
    mean: Float64Array.from(vectors, vector => weights.reduce((total, w, d) => total + w * (vector[d] ?? 0), 0)),
    deviation: new Float64Array(vectors.length).fill(0.1),
  }),
})

export const serve = (policy: Policy): RankerView['serving'] => {
  const serving: Serving = { policy, releaseVersion: 'release-3', mode: 'online', evidence: {} }
  return () => serving
}

export const shown = (decision: Recommendation): readonly string[] => decision.slots.map(slot => slot.item_id)
