/** Rows of a log of others, by hand: of ann, who is shown a and clicks. */
import type { BehaviorEvent, Request } from '../../schemas/records.ts'
import { createFeatureStore, vectorToBytes } from '../../src/features/store.ts'
import type { LoggedRow, WarmStart } from '../../src/learner/warm-start.ts'

export const shows = (id: string, changes: Partial<Request> = {}): LoggedRow => ({
  events: [],
  request: {
    request_id: id,
    user_id: 'ann',
    session_id: null,
    policy: 'default',
    time_ms: 1000,
    deadline_ms: null,
    slots: 1,
    context: {},
    candidates: null,
    baseline: ['a'],
    excluded: null,
    pinned: null,
    deferred: false,
    explain: false,
    ...changes,
  },
})
export const happens = (id: string, changes: Partial<BehaviorEvent> = {}): LoggedRow => ({
  events: [
    {
      event_id: id,
      user_id: 'ann',
      session_id: null,
      decision_id: null,
      item_id: 'a',
      slot: null,
      type: 'click',
      slate_hash: null,
      value: null,
      time_ms: 1500,
      ...changes,
    },
  ],
})
export const logOf = (rows: readonly LoggedRow[], digest = 'one'): WarmStart => ({ digest, rows, refused: {} })

/** Items a and b have vectors of version 7; whatever else a log names has none. */
export const features = createFeatureStore()
for (const [index, item_id] of ['a', 'b'].entries())
  features.put({
    feature_key: `${item_id}@7`,
    item_id,
    feature_version: 7,
    encoder_version: 'test',
    vector: vectorToBytes(Float32Array.of(1 - index, index)),
    attributes: {},
    available: true,
    time_ms: 1,
  })
