/**
 * A learner with exact sums served from its own sums in the same process, without checkpoints between: what simulations
 * and benchmarks use to see the learner itself, not its publishing interval. It scores with the code that serves loaded
 * versions; factors follow each decision by rank-1 updates, since the learner carries on those that serving left it.
 */
import type { BaggedLearner } from '../learner/ensemble/learner.ts'
import type { LinearLearner } from '../learner/linear/learner.ts'
import { type Arm, noiseOf, type Reading } from '../learner/linear/posterior.ts'
import { residualWeights, rewardWeights } from '../learner/neural-linear/head.ts'
import type { NeuralLinearLearner } from '../learner/neural-linear/learner.ts'
import { baggedPolicy } from './ensemble.ts'
import { type ComponentWeights, scoreCandidates } from './linear.ts'
import { learnedFrom } from './load.ts'
import { neuralPolicy } from './neural-linear.ts'
import type { Policy } from './policy.ts'

export function livePolicy(learner: LinearLearner, weightOf: ComponentWeights): Policy {
  const arms = new Map<string, Arm>()
  return {
    version: 'live',
    algorithm: 'linear-gaussian',
    get learned() {
      const { scale, weights } = readingNow(learner, weightOf)
      return learnedFrom(learner.moments, scale, weights)
    },
    scorer(state, candidates) {
      follow(arms, learner)
      const reading = readingNow(learner, weightOf)
      const noise = noiseOf(learner.moments, arms, reading)
      return scoreCandidates({ version: 'live', reading, noise, arms }, state, candidates)
    },
  }
}

export const liveBagged = ({ members }: BaggedLearner, weightOf: ComponentWeights): Policy =>
  baggedPolicy(
    'live',
    members.map(member => livePolicy(member, weightOf)),
  )

/** Towers and head are others after each round. */
export function liveNeural(learner: NeuralLinearLearner, weightOf: ComponentWeights): Policy {
  let of: LinearLearner | undefined
  let policy!: Policy
  const current = (): Policy => {
    const head = learner.head()
    if (of !== head) {
      of = head
      policy = neuralPolicy('live', learner.features(), livePolicy(head, residualWeights(weightOf)))
    }
    return policy
  }
  return {
    version: 'live',
    algorithm: 'neural-linear',
    get learned() {
      const { scale, weights } = readingNow(learner.head(), rewardWeights(weightOf))
      return learnedFrom(learner.head().moments, scale, weights)
    },
    scorer: (state, candidates) => current().scorer(state, candidates),
  }
}

/** An item's block is another object after eviction or a new feature map. */
function follow(arms: Map<string, Arm>, { blocks }: LinearLearner): void {
  for (const itemId of arms.keys()) if (!blocks.has(itemId)) arms.delete(itemId)
  for (const [itemId, block] of blocks) if (arms.get(itemId)?.block !== block) arms.set(itemId, { block })
}

function readingNow(learner: LinearLearner, weightOf: ComponentWeights): Reading {
  const weights = Array.from(learner.components.keys(), weightOf)
  return {
    map: learner.featureMap(),
    prior: learner.prior(),
    scale: learner.readScale(),
    weights,
  }
}
