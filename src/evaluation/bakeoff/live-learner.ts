/** The learner that a policy's configuration names, with the policy that serves from its sums as they are. */
import type { Config } from '../../config.ts'
import { FeedloopError } from '../../errors.ts'
import { createBagged, createLinear, createNeuralLinear } from '../../learner/create.ts'
import type { Learner } from '../../learner/learner.ts'
import type { TensorFlow } from '../../learner/tensorflow.ts'
import type { ComponentWeights } from '../../models/linear.ts'
import { liveBagged, liveNeural, livePolicy } from '../../models/live.ts'
import type { Policy } from '../../models/policy.ts'
import type { StateEncoder } from '../../state/encode.ts'

export interface Live {
  readonly learner: Learner
  readonly live: Policy
}

/**
 * @param config with one policy
 * @param tensorflow for a learner that needs it
 * @throws FeedloopError USAGE for a learner that can't be served without publishing, BACKEND_UNAVAILABLE
 */
export function createLive(
  config: Config,
  encoder: StateEncoder,
  weightOf: ComponentWeights,
  tensorflow?: TensorFlow,
): Live {
  const [policy] = config.policies
  if (policy.algorithm === 'two-tower') throw new FeedloopError('USAGE', 'two-tower plays in the live loop only')
  if (policy.algorithm === 'bagged-linear') {
    const learner = createBagged(policy, encoder, false)
    return { learner, live: liveBagged(learner, weightOf) }
  }
  if (policy.algorithm === 'neural-linear') {
    if (!tensorflow) throw new FeedloopError('BACKEND_UNAVAILABLE', 'neural-linear plays with TensorFlow.js only')
    const learner = createNeuralLinear(config, policy, encoder, tensorflow, false)
    return { learner, live: liveNeural(learner, weightOf) }
  }
  const learner = createLinear(policy, encoder, false)
  return { learner, live: livePolicy(learner, weightOf) }
}
