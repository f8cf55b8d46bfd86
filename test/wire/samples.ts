/** Records of the size that production sees: 10 candidates, 50 past interactions. */
import type { BehaviorEvent, Recommendation, Snapshot, Transition } from '../../schemas/records.ts'

const itemId = (i: number) => `item-${String((i * 7919) % 1000).padStart(4, '0')}`

export const event: BehaviorEvent = {
  event_id: 'e-1',
  user_id: 'u-1',
  session_id: null,
  decision_id: 'r-1',
  item_id: 'item-0001',
  slot: 0,
  type: 'click',
  slate_hash: null,
  value: 2.5,
  time_ms: 1_764_000_000_000,
}

export const state: Snapshot = {
  profile_version: 2 ** 47 + 1,
  profile: Buffer.from(new Float32Array(32).fill(0.25).buffer),
  history: Array.from({ length: 50 }, (_, i) => ({
    item_id: itemId(i),
    feature_version: 2 ** 47 + i,
    type: i % 3 ? 'view' : 'click',
    age_ms: 1000 * i,
    value: 1,
  })),
  counts: { click: 17, view: 33 },
  context: { device: 'mobile', hour: 13, member: true },
}

const candidates = Array.from({ length: 10 }, (_, i) => ({
  item_id: itemId(i),
  feature_version: 2 ** 47 + i,
  source: 'catalogue',
  inclusion_probability: 1,
}))

export const recommendation: Recommendation = {
  decision_id: 'r-1',
  policy: 'default',
  user_id: 'u-1',
  session_id: 's-1',
  previous_decision_id: null,
  session_step: 0,
  request_time_ms: 1_764_000_000_000,
  decision_time_ms: 1_764_000_000_005,
  deadline_ms: null,
  model_version: '000000000012',
  release_version: '3',
  encoder_version: 'state/1',
  retrieval_version: 'catalogue/1',
  mode: 'online',
  chosen_by: 'policy',
  propensity_kind: 'exact',
  explorer: { name: 'thompson', parameters: { draws: 64, epsilon: 0.01 } },
  state,
  candidates,
  constraints: { masked: [3], counters: { 'category:shoes': 2 } },
  slots: [
    { item_id: itemId(2), candidate: 2, position: 0, first_draw_propensity: 0.4, conditional_propensity: 0.4 },
    { item_id: itemId(5), candidate: 5, position: 1, first_draw_propensity: 0.1, conditional_propensity: 0.1 / 0.6 },
  ],
  first_slot_probabilities: Array.from({ length: 10 }, () => 0.1),
  shadow_slate: null,
  slate_hash: '00ff00ff00ff00ff',
  seed: 2 ** 52 + 12345,
  pass_probability: 1,
  shed: false,
  deferred: false,
  reason: '',
  explanation: null,
}

export const transition: Transition = {
  transition_id: 'r-1/0',
  revision: 2,
  kind: 'continuation',
  decision_id: 'r-1',
  slot: 0,
  slots: 2,
  policy: 'default',
  user_id: 'u-1',
  session_id: 's-1',
  session_step: 0,
  state,
  candidates,
  action: [itemId(2)],
  propensity: 0.4,
  first_draw_propensity: 0.4,
  propensity_kind: 'exact',
  mode: 'online',
  chosen_by: 'policy',
  examined: 'yes',
  delta: { click: 0 },
  cumulative: { click: 1 },
  discount: 0.9,
  next_decision_id: 'r-2',
  next_state: { ...state, profile: null },
  next_candidates: candidates,
  terminated: false,
  truncated: false,
  model_version: '000000000012',
  weight: 1,
  decision_time_ms: 1_764_000_000_005,
  reward_time_ms: 1_764_000_001_005,
  emitted_time_ms: 1_764_000_002_005,
}
