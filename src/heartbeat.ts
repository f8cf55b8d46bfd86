/**
 * The heartbeat: a request and its outcome that go the way of all others (requests and events, decision, transition, model
 * version, release, and the decisions of that version) under a policy of their own. So they are accounted for as all are,
 * while nobody's policy learns of them: a learner takes its own policy's transitions only. A version says how new its
 * newest outcome is, so the age of the newest beat that a beat's decision knew of is the age of the whole way.
 */
import type { BehaviorEvent, Request } from '../schemas/records.ts'
import { partitionFor } from './log/partition.ts'

/** Name of the policy, and type of the outcome. */
export const HEARTBEAT = 'heartbeat'

/** Settings of the policy: one item drawn from the catalogue, one of which something is kept. */
export const heartbeatPolicy = {
  name: HEARTBEAT,
  candidates: { max: 1, retrieval: 'none' },
  linearGaussian: { maxItems: 1, estimatePrior: false },
  rewards: { [HEARTBEAT]: {} },
  attributionWindowMs: 600_000,
  correctionWindowMs: 600_000,
} as const

/** A user that nobody is, whose records are in that partition. */
export function heartbeatUser(partition: number, partitions: number): string {
  for (let i = 0; ; i++) {
    const userId = `feedloop-${HEARTBEAT}-${i}`
    if (partitionFor(userId, partitions) === partition) return userId
  }
}

/** @param id unique */
export function heartbeat(userId: string, id: string, timeMs: number): { request: Request; outcome: BehaviorEvent } {
  const request = {
    request_id: id,
    user_id: userId,
    session_id: null,
    policy: HEARTBEAT,
    time_ms: timeMs,
    deadline_ms: null,
    slots: 1,
    context: {},
    candidates: null,
    baseline: null,
    deferred: false,
    excluded: null,
    pinned: null,
    explain: false,
  }
  const outcome = {
    event_id: `${id}/outcome`,
    user_id: userId,
    session_id: null,
    decision_id: id,
    item_id: null,
    slot: null,
    type: HEARTBEAT,
    slate_hash: null,
    value: null,
    time_ms: timeMs,
  }
  return { request, outcome }
}
