/**
 * A linear-Gaussian learner served from its own sums in the same process, without checkpoints between: what simulations
 * and benchmarks use to see the learner itself, not its publishing interval. It scores with the code that serves loaded
 * versions; factors follow each decision by rank-1 updates, since the learner carries on those that serving left it.
 */
import type { LinearLearner } from '../learner/linear/learner.ts'
import { rewardVariance } from '../learner/linear/moments.ts'
import { type Arm, type ComponentWeights, type Reading, scoreCandidates } from './linear.ts'
import type { Policy } from './policy.ts'

export function livePolicy(learner: LinearLearner, weightOf: ComponentWeights): Policy {
  const arms = new Map<string, Arm>()
  return {
    version: 'live',
    algorithm: 'linear-gaussian',
    scorer(state, candidates) {
      for (const itemId of candidates.itemIds) follow(arms, itemId, learner)
      return scoreCandidates({ version: 'live', reading: readingNow(learner, weightOf), arms }, state, candidates)
    },
  }
}

/** An item's block is another object after eviction or a new feature map. */
function follow(arms: Map<string, Arm>, itemId: string, { blocks }: LinearLearner): void {
  const block = blocks.get(itemId)
  if (!block) arms.delete(itemId)
  else if (arms.get(itemId)?.block !== block) arms.set(itemId, { block })
}

function readingNow(learner: LinearLearner, weightOf: ComponentWeights): Reading {
  const weights = Array.from(learner.components.keys(), weightOf)
  return {
    map: learner.featureMap(),
    noise: Math.sqrt(rewardVariance(learner.moments, weights)),
    lambda: learner.priorPrecision,
    scale: learner.readScale(),
    weights,
  }
}
