/** Short ways to write records for the joiner's tests. Times are in seconds after T0. */
import type { BehaviorEvent, Recommendation, Transition } from '../../schemas/records.ts'
import { type Config, type ConfigInput, parseConfig } from '../../src/config.ts'
import { unconstrained } from '../../src/recommendations/decision.ts'
import type { Input, Output, Tick } from '../../src/stage.ts'
import type { JoinerState } from '../../src/transitions/state.ts'
import { createJoiner } from '../../src/transitions/step.ts'

export const T0 = 1_700_000_000_000
export const at = (seconds: number): number => T0 + Math.round(seconds * 1000)

type PolicyInput = NonNullable<ConfigInput['policies']>[number]

/** Windows of 10 s, corrections up to 1000 s, sessions cut by 30 s. */
export const makeConfig = (...policies: PolicyInput[]): Config =>
  parseConfig({
    policies: (policies.length > 0 ? policies : [{}]).map(policy => ({
      attributionWindowMs: 10_000,
      correctionWindowMs: 1_000_000,
      sessionGapMs: 30_000,
      ...policy,
    })),
  })

export interface DecisionOptions extends Partial<Omit<Recommendation, 'slots'>> {
  readonly items?: readonly string[]
  readonly propensity?: number
  readonly firstDraw?: number
}

export function decision(id: string, seconds: number, options: DecisionOptions = {}): Recommendation {
  const { items = ['a'], propensity = 0.5, firstDraw = propensity, ...rest } = options
  return {
    decision_id: id,
    policy: 'default',
    user_id: 'u',
    session_id: 's',
    previous_decision_id: null,
    session_step: 0,
    request_time_ms: at(seconds),
    decision_time_ms: at(seconds),
    deadline_ms: null,
    model_version: '0001',
    release_version: '',
    encoder_version: 'mean-1',
    retrieval_version: 'request',
    mode: 'online',
    chosen_by: 'policy',
    propensity_kind: 'exact',
    explorer: { name: 'uniform', parameters: {} },
    state: { profile_version: 0, profile: null, history: [], counts: {}, context: { of: id } },
    candidates: items.map(item_id => ({ item_id, feature_version: 1, source: 'request', inclusion_probability: 1 })),
    constraints: unconstrained,
    slots: items.map((item_id, position) => ({
      item_id,
      candidate: position,
      position,
      first_draw_propensity: firstDraw,
      conditional_propensity: propensity,
      pinned: false,
    })),
    first_slot_probabilities: items.map(() => 1 / items.length),
    shadow_slate: null,
    slate_hash: `hash-${id}`,
    seed: 1,
    pass_probability: 1,
    shed: false,
    deferred: false,
    reason: '',
    explanation: null,
    ...rest,
  }
}

let events = 0
export const event = (type: string, seconds: number, fields: Partial<BehaviorEvent> = {}): BehaviorEvent => ({
  event_id: `e${++events}`,
  user_id: 'u',
  session_id: null,
  decision_id: null,
  item_id: null,
  slot: null,
  type,
  slate_hash: null,
  value: null,
  time_ms: at(seconds),
  ...fields,
})

/** An outcome that names its decision. */
export const outcome = (type: string, decision_id: string, seconds: number, fields: Partial<BehaviorEvent> = {}) =>
  event(type, seconds, { decision_id, ...fields })

let offsets = 0
export const input = (value: Recommendation | BehaviorEvent): Input => ({
  topic: 'event_id' in value ? 'events' : 'recommendations',
  partition: 0,
  offset: offsets++,
  key: value.user_id,
  value,
  timestampMs: 0,
  headers: {},
})

export const tick = (seconds: number, watermark = seconds): Tick => ({
  timeMs: at(seconds),
  watermarkMs: at(watermark),
})

/** A step of a scenario: its tick and its inputs. */
export interface Taken {
  readonly tick: Tick
  readonly inputs: readonly Input[]
}

export interface Run {
  readonly state: JoinerState
  readonly written: Transition[]
  readonly refused: { id: string; code: string }[]
  readonly counts: Record<string, number>
  readonly steps: { taken: Taken; outputs: readonly Output[] }[]
}

/** A joiner run by hand, each step accepted. */
export function startRun(config: Config) {
  const joiner = createJoiner(config)
  const run: Run = { state: joiner.open(0) as JoinerState, written: [], refused: [], counts: {}, steps: [] }
  const take = (taken: Taken) => {
    const { outputs, refusals, counts } = joiner.step(run.state, taken.inputs, taken.tick, undefined)
    run.state.commit()
    run.steps.push({ taken, outputs })
    for (const { value } of outputs) run.written.push(value as Transition)
    for (const { input: of, code } of refusals) {
      const value = of.value as Partial<BehaviorEvent & Recommendation>
      run.refused.push({ id: (value.event_id ?? value.decision_id)!, code })
    }
    for (const { labels, value } of counts) {
      const name = Object.values(labels ?? {})[0]!
      run.counts[name] = (run.counts[name] ?? 0) + value
    }
  }
  return { joiner, run, take }
}
