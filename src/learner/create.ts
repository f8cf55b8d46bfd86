/** The learner that a policy's configuration names. TensorFlow.js is loaded only for the learner that needs it. */
import type { Config, PolicyConfig } from '../config.ts'
import { topics } from '../pipeline.ts'
import type { StateEncoder } from '../state/encode.ts'
import type { Learner } from './learner.ts'
import { createLinearLearner, type LinearLearner } from './linear/learner.ts'

/** Part of the topic's batch bound that tensors may fill; the rest is for the record around them. */
const CHECKPOINT_PART = 0.9

/** @throws FeedloopError BACKEND_UNAVAILABLE */
export async function createLearner(config: Config, policy: PolicyConfig, encoder: StateEncoder): Promise<Learner> {
  if (policy.algorithm === 'linear-gaussian') return createLinear(policy, encoder)
  const { createTwoTowerLearner } = await import('./two-tower/learner.ts')
  return createTwoTowerLearner({
    ...policy.twoTower,
    stateDimensions: encoder.dimensions,
    itemDimensions: config.features.dimensions,
    bootstraps: policy.gamma > 0,
  })
}

export function createLinear(policy: PolicyConfig, encoder: StateEncoder): LinearLearner {
  const { fourier, ...options } = policy.linearGaussian
  return createLinearLearner({
    ...options,
    features: {
      stateDimensions: encoder.dimensions,
      numbers: encoder.numbers,
      fourier: fourier.features,
      bandwidth: fourier.bandwidth,
      seed: fourier.seed,
    },
    maxCheckpointBytes: CHECKPOINT_PART * topics.models.maxBatchBytes,
  })
}
