/** A version as the learner stage would publish it, of a learner that learned in an environment. */
import type { ModelVersion } from '../../schemas/records.ts'
import type { PolicyConfig } from '../config.ts'
import type { Checkpoint } from '../learner/learner.ts'
import { assertFinite } from '../learner/tensors.ts'

export interface Made {
  readonly version: string
  readonly policy: PolicyConfig
  readonly decisions: number
  readonly timeMs: number
  readonly stats: Readonly<Record<string, number>>
}

/** @throws FeedloopError MODEL_NOT_FINITE */
export function modelOf(checkpoint: Checkpoint, { version, policy, decisions, timeMs, stats }: Made): ModelVersion {
  assertFinite(version, checkpoint.tensors)
  return {
    version,
    parent: null,
    policy: policy.name,
    algorithm: policy.algorithm,
    explorer: policy.explorer.name,
    parameters: checkpoint.parameters,
    config_hash: '',
    warm_start: '',
    created_ms: timeMs,
    newest_reward_ms: timeMs,
    outcome_times_ms: [],
    transitions: decisions,
    contains: [],
    metrics: stats,
    base_version: checkpoint.baseVersion,
    tensors: checkpoint.tensors,
  }
}
