/** What an environment asks and tells, as records, and its catalogue: for who plays in one process, its requests for live traffic, too. */
import type { BehaviorEvent, Request } from '../../schemas/records.ts'
import { hashedVector } from '../features/hashed.ts'
import { createFeatureStore, type FeatureStore } from '../features/store.ts'
import type { Act, Environment, Observation, Session } from './environment.ts'

export const requestOf = (
  { userId, sessionId }: Pick<Session, 'userId' | 'sessionId'>,
  observation: Observation,
  policy: string,
  timeMs: number,
  requestId = `${userId}/${timeMs}`,
): Request => ({
  request_id: requestId,
  user_id: userId,
  session_id: sessionId,
  policy,
  time_ms: timeMs,
  deadline_ms: null,
  slots: observation.slots,
  context: observation.context,
  candidates: observation.candidates,
  baseline: null,
  excluded: null,
  pinned: null,
  deferred: false,
  explain: false,
})

export const eventOf = (
  act: Act,
  { userId, sessionId }: Pick<Session, 'userId' | 'sessionId'>,
  id: string,
  timeMs: number,
): BehaviorEvent => ({
  event_id: `${id}/${act.type}/${act.itemId}`,
  user_id: userId,
  session_id: sessionId,
  decision_id: null,
  item_id: act.itemId,
  type: act.type,
  slot: null,
  slate_hash: null,
  value: act.value,
  time_ms: timeMs,
})

/** The environment's items with the vectors of the encoder that needs nothing. */
export function catalogueOf(environment: Pick<Environment, 'items'>, dimensions: number): FeatureStore {
  const store = createFeatureStore()
  for (const { item_id: id, text, attributes } of environment.items()) {
    const vector = hashedVector({ id, text, attributes }, dimensions)
    const data = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)
    store.put({
      item_id: id,
      feature_version: 1,
      feature_key: `${id}@1`,
      encoder_version: 'hashed',
      vector: data,
      attributes: {},
      available: true,
      time_ms: 0,
    })
  }
  return store
}
