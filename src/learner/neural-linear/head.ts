/**
 * The Bayesian linear head: a linear-Gaussian learner (src/learner/linear) an item on z, of what the towers leave over. Its
 * reward has one component more, what the towers predicted, with weight -1: so θ_a ~ N(0, σ² / λ) says that an item is about
 * as its vector lets expect, and other weights of the reward hold for what was learned before, too.
 */
import type { ComponentWeights } from '../../models/linear.ts'
import type { Example } from '../learner.ts'
import { createLinearLearner, type LinearLearner, type LinearOptions } from '../linear/learner.ts'
import { revisionOf } from '../revision.ts'
import type { Seen } from './features.ts'
import type { Rewards, Row } from './rows.ts'

/** Prefix of all of it in a checkpoint. */
export const HEAD = 'head/'
/** No event type has a colon in front. */
const PREDICTED = ':predicted'

export type HeadOptions = Pick<LinearOptions, 'priorPrecision' | 'maxItems' | 'halfLifeMs' | 'maxCheckpointBytes'>

export const createHead = (embedding: number, options: HeadOptions): LinearLearner =>
  createLinearLearner({
    ...options,
    features: {
      stateDimensions: embedding + 1,
      numbers: { from: 1, count: 0 },
      fourier: 0,
      bandwidth: 1,
      seed: 0,
    },
    warmUpDecisions: 0,
  })

/** Of what is left over, and of the reward itself. */
export const residualWeights =
  (weightOf: ComponentWeights): ComponentWeights =>
  component =>
    component === PREDICTED ? -1 : weightOf(component)
export const rewardWeights =
  (weightOf: ComponentWeights): ComponentWeights =>
  component =>
    component === PREDICTED ? 0 : weightOf(component)

/** All that a row says, as the head learns it.
 * @param components in their order, lest the head's own depend on which row comes first */
export function told(row: Row, { z, predict }: Seen, components: Iterable<string>): Example {
  const rewards = Object.fromEntries(Array.from(components, each => [each, row.rewards[each] ?? 0]))
  const cumulative = { ...rewards, [PREDICTED]: predict(row.vector) }
  return revisionOf({ ...row, kind: 'initial', delta: cumulative, cumulative }, z)
}

/** What changed of its reward since it was told. */
export function retold(row: Row, before: Rewards, { z, predict }: Seen): Example {
  const components = Object.keys({ ...before, ...row.rewards })
  const delta = Object.fromEntries(components.map(each => [each, (row.rewards[each] ?? 0) - (before[each] ?? 0)]))
  const cumulative = { ...row.rewards, [PREDICTED]: predict(row.vector) }
  return revisionOf({ ...row, kind: 'reward', delta, cumulative }, z)
}
