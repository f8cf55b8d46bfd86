/** Examples and model versions for the tests of learners, models and gate. */
import type { ModelVersion, Transition } from '../../schemas/records.ts'
import { createFeatureStore } from '../../src/features/store.ts'
import type { Checkpoint, Example, Learner } from '../../src/learner/learner.ts'
import type { FeatureOptions } from '../../src/learner/linear/features.ts'
import type { LearnerView } from '../../src/learner/step.ts'
import { firstRevision } from '../../src/transitions/transition.ts'

/** States without numbers: the feature map is the identity. */
export const plainFeatures = (stateDimensions: number): { features: FeatureOptions; warmUpDecisions: number } => ({
  features: { stateDimensions, numbers: { from: 1, count: 0 }, fourier: 0, bandwidth: 1, seed: 1 },
  warmUpDecisions: 8,
})

/** A catalogue without items, all of whose records are known. */
export const noVectors: LearnerView = { features: createFeatureStore(), caughtUp: true }

export const snapshotOf = (context: Record<string, number> = {}) => ({
  profile_version: 0,
  profile: null,
  history: [],
  counts: {},
  context,
})

export function transitionOf(changes: Partial<Transition> = {}): Transition {
  const transition: Transition = {
    ...firstRevision,
    transition_id: 'd/0',
    decision_id: 'd',
    slot: 0,
    slots: 1,
    policy: 'default',
    user_id: 'u',
    session_id: 's',
    session_step: 0,
    state: snapshotOf(),
    candidates: ['a', 'b'].map(item_id => ({
      item_id,
      feature_version: 0,
      source: 'request',
      inclusion_probability: 1,
    })),
    action: ['a'],
    propensity: 0.5,
    first_draw_propensity: 0.5,
    propensity_kind: 'exact',
    mode: 'online',
    masked: [],
    chosen_by: 'policy',
    model_version: '',
    weight: 1,
    decision_time_ms: 1000,
    emitted_time_ms: 1000,
  }
  return { ...transition, ...changes }
}

/** An example with the reward of component `click`; the scalar reward is the same. */
export function exampleOf(
  state: Float64Array,
  changes: Partial<Transition> = {},
  rest: Partial<Example> = {},
): Example {
  const transition = transitionOf(changes)
  const action = transition.candidates.findIndex(candidate => candidate.item_id === transition.action[0])
  const total = (map: Readonly<Record<string, number>>) => Object.values(map).reduce((sum, value) => sum + value, 0)
  return {
    transition,
    state,
    candidates: [],
    action,
    nextState: null,
    nextCandidates: null,
    deltaReward: total(transition.delta),
    reward: total(transition.cumulative),
    ...rest,
  }
}

export function versionOf(checkpoint: Checkpoint, changes: Partial<ModelVersion> = {}): ModelVersion {
  return {
    version: '1',
    parent: null,
    policy: 'default',
    algorithm: 'linear-gaussian',
    explorer: 'thompson',
    parameters: checkpoint.parameters,
    config_hash: '',
    warm_start: '',
    created_ms: 0,
    newest_reward_ms: 0,
    outcome_times_ms: [],
    transitions: 0,
    contains: [],
    metrics: {},
    base_version: checkpoint.baseVersion,
    tensors: checkpoint.tensors,
    ...changes,
  }
}

export const publish = (learner: Learner, version: string, full: boolean): ModelVersion =>
  versionOf(learner.snapshot(version, full), { version, algorithm: learner.algorithm })
