/** The learner that a policy's configuration names, with the policy that serves from its sums as they are. */
import type { PolicyConfig } from '../../config.ts'
import { FeedloopError } from '../../errors.ts'
import { createBagged, createLinear } from '../../learner/create.ts'
import type { Learner } from '../../learner/learner.ts'
import type { ComponentWeights } from '../../models/linear.ts'
import { liveBagged, livePolicy } from '../../models/live.ts'
import type { Policy } from '../../models/policy.ts'
import type { StateEncoder } from '../../state/encode.ts'

export interface Live {
  readonly learner: Learner
  readonly live: Policy
}

/** @throws FeedloopError USAGE for a learner that can't be served without publishing */
export function createLive(policy: PolicyConfig, encoder: StateEncoder, weightOf: ComponentWeights): Live {
  if (policy.algorithm === 'two-tower') throw new FeedloopError('USAGE', 'two-tower plays in the live loop only')
  if (policy.algorithm === 'bagged-linear') {
    const learner = createBagged(policy, encoder, false)
    return { learner, live: liveBagged(learner, weightOf) }
  }
  const learner = createLinear(policy, encoder, false)
  return { learner, live: livePolicy(learner, weightOf) }
}
