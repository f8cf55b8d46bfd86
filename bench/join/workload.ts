/**
 * What is joined: decisions of about 1 kB and outcomes of about 200 bytes, as the ranker and an application would write
 * them. Every second decision is clicked, half a minute later. Seeded, so that every run joins the same bytes.
 */
import type { BehaviorEvent, Recommendation } from '../../schemas/records.ts'
import { unconstrained } from '../../src/recommendations/decision.ts'
import { slateHash } from '../../src/recommendations/slate-hash.ts'
import { createRandom, type Random } from '../../src/state/random.ts'

export const clickEvery = 2
const CANDIDATES = 10
const HISTORY = 8
const ITEMS = 5000
const DECISIONS_A_USER = 10
const DECISION_EVERY_MS = 2
const CLICK_AFTER_MS = 30_000

export interface Workload {
  decision(index: number): Recommendation
  /** The click on decision `index`. */
  click(decision: Recommendation): BehaviorEvent
}

/** @param startMs time of the first decision; so many of them take `count` * 2 ms */
export function createWorkload(count: number, startMs: number): Workload {
  const random = createRandom(4)
  const users = Math.ceil(count / DECISIONS_A_USER)
  return {
    decision: index => decisionOf(random, index, index % users, startMs + index * DECISION_EVERY_MS),
    click: clickOn,
  }
}

const hex = (random: Random, digits: number): string =>
  Array.from({ length: Math.ceil(digits / 8) }, () =>
    Math.floor(random.uniform() * 2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  )
    .join('')
    .slice(0, digits)
const itemOf = (random: Random): string => `item-${Math.floor(random.uniform() * ITEMS)}`
const featureVersion = (random: Random): number => 1 + Math.floor(random.uniform() * 2 ** 47)

function decisionOf(random: Random, index: number, user: number, timeMs: number): Recommendation {
  const candidates = Array.from({ length: CANDIDATES }, () => ({
    item_id: itemOf(random),
    feature_version: featureVersion(random),
    source: 'catalogue',
    inclusion_probability: 1,
  }))
  const chosen = Math.floor(random.uniform() * CANDIDATES)
  const propensity = 0.01 + 0.5 * random.uniform()
  const decisionId = `${hex(random, 24)}-${index}`
  return {
    decision_id: decisionId,
    policy: 'default',
    user_id: `user-${user}`,
    session_id: `session-${user}-${hex(random, 24)}`,
    previous_decision_id: null,
    session_step: 0,
    request_time_ms: timeMs,
    decision_time_ms: timeMs + 3,
    deadline_ms: null,
    model_version: '0000000042',
    release_version: '0000000007',
    encoder_version: 'mean-1:history32+context8#0a1b2c3d',
    retrieval_version: 'catalogue-1',
    mode: 'online',
    chosen_by: 'policy',
    propensity_kind: 'exact',
    explorer: { name: 'thompson', parameters: { draws: 64, epsilon: 0.01 } },
    state: {
      profile_version: 0,
      profile: null,
      history: Array.from({ length: HISTORY }, (_, i) => ({
        item_id: itemOf(random),
        feature_version: featureVersion(random),
        type: 'click',
        age_ms: 60_000 * (i + 1),
        value: 1,
      })),
      counts: { click: HISTORY, impression: 40 },
      context: { device: 'phone', hour: Math.floor(24 * random.uniform()) },
    },
    candidates,
    constraints: unconstrained,
    slots: [
      {
        item_id: candidates[chosen].item_id,
        candidate: chosen,
        position: 0,
        first_draw_propensity: propensity,
        conditional_propensity: propensity,
        pinned: false,
      },
    ],
    first_slot_probabilities: candidates.map((_, i) =>
      i === chosen ? propensity : (1 - propensity) / (CANDIDATES - 1),
    ),
    shadow_slate: null,
    slate_hash: slateHash(decisionId, [candidates[chosen].item_id]),
    seed: Math.floor(random.uniform() * 2 ** 32),
    pass_probability: 1,
    shed: false,
    deferred: false,
    reason: '',
    explanation: null,
  }
}

const clickOn = ({ decision_id, user_id, session_id, slots, slate_hash, request_time_ms }: Recommendation) => ({
  event_id: `click-on-${decision_id}-by-${user_id}`,
  user_id,
  session_id,
  decision_id,
  item_id: slots[0].item_id,
  slot: 0,
  type: 'click',
  slate_hash,
  value: 1,
  time_ms: request_time_ms + CLICK_AFTER_MS,
})
