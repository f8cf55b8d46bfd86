/** The learner that a policy's configuration names. TensorFlow.js is loaded only for the learner that needs it. */
import type { Config, PolicyConfig } from '../config.ts'
import { topics } from '../pipeline.ts'
import type { Learner } from './learner.ts'
import { createLinearLearner } from './linear/learner.ts'

/** Part of the topic's batch bound that tensors may fill; the rest is for the record around them. */
const CHECKPOINT_PART = 0.9

/** @throws FeedloopError BACKEND_UNAVAILABLE */
export async function createLearner(config: Config, policy: PolicyConfig, stateDimensions: number): Promise<Learner> {
  if (policy.algorithm === 'linear-gaussian')
    return createLinearLearner({
      ...policy.linearGaussian,
      dimensions: stateDimensions,
      maxCheckpointBytes: CHECKPOINT_PART * topics.models.maxBatchBytes,
    })
  const { createTwoTowerLearner } = await import('./two-tower/learner.ts')
  return createTwoTowerLearner({
    ...policy.twoTower,
    stateDimensions,
    itemDimensions: config.features.dimensions,
    bootstraps: policy.gamma > 0,
  })
}
