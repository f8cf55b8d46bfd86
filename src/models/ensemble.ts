/**
 * Serving of bagged versions: each member is a linear-Gaussian policy. Means and deviations are those of the first,
 * which learned from the log as it is; the members' means are beside them for the explorer that wants several opinions.
 */
import type { ModelVersion } from '../../schemas/records.ts'
import { BAGGED_LINEAR, splitMembers } from '../learner/ensemble/parts.ts'
import { lazyScorer } from './lazy-scorer.ts'
import { type ComponentWeights, loadLinear } from './linear.ts'
import type { Loading, Policy } from './policy.ts'

/** A loaded policy's members, from which the next increment goes on. */
const members = new WeakMap<Policy, readonly Policy[]>()

/**
 * @param before as loadLinear's
 * @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE
 */
export function* loadBagged(model: ModelVersion, before: Policy | undefined, weightOf: ComponentWeights): Loading {
  const others = before && members.get(before)
  const own: Policy[] = []
  for (const [m, part] of splitMembers(model).entries()) own.push(yield* loadLinear(part, others?.[m], weightOf))
  const policy = baggedPolicy(model.version, own)
  members.set(policy, own)
  return policy
}

export const baggedPolicy = (version: string, [first, ...others]: readonly Policy[]): Policy => ({
  version,
  algorithm: BAGGED_LINEAR,
  get learned() {
    return first.learned
  },
  knownItems: first.knownItems,
  scorer(state, candidates) {
    const scorer = first.scorer(state, candidates)
    return lazyScorer({
      mean: scorer.mean,
      deviations: () => scorer.deviations,
      members: () => [scorer.mean, ...others.map(member => member.scorer(state, candidates).mean)],
      bias: scorer.bias,
    })
  },
})
