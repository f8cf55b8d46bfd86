/**
 * Serving of neural-linear versions: what the towers expect of a candidate, and the posterior of the head of what they leave
 * over. Deviations are the head's.
 */
import type { ModelVersion } from '../../schemas/records.ts'
import { nested } from '../learner/nested.ts'
import { decodeFeatures, type Features, see } from '../learner/neural-linear/features.ts'
import { HEAD, residualWeights } from '../learner/neural-linear/head.ts'
import { lazyScorer } from './lazy-scorer.ts'
import { type ComponentWeights, loadLinear } from './linear.ts'
import type { CandidateVectors, Loading, Policy } from './policy.ts'
import { assertLength, towerRetrieval } from './two-tower.ts'

/** A loaded policy's head, from which the next increment goes on. */
const heads = new WeakMap<Policy, Policy>()

/** The head's own version. */
export const headOf = (model: ModelVersion): ModelVersion => nested(HEAD, model, 'linear-gaussian')

/**
 * @param before as loadLinear's
 * @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE
 */
export function* loadNeuralLinear(
  model: ModelVersion,
  before: Policy | undefined,
  weightOf: ComponentWeights,
): Loading {
  const { shape, features } = decodeFeatures(model)
  const head = yield* loadLinear(headOf(model), before && heads.get(before), residualWeights(weightOf))
  const { scorer } = neuralPolicy(model.version, features, head)
  const { map, towers } = features
  const query = (state: Float64Array) => towers.user(map.apply(state)).embedding
  const scores = (state: Float64Array, candidates: CandidateVectors) => policy.scorer(state, candidates).mean
  const policy: Policy = {
    version: model.version,
    algorithm: model.algorithm,
    retrieval: towerRetrieval(model.version, towers, shape, query, scores),
    scorer(state, candidates) {
      assertLength(model.version, 'state', state.length, shape.stateDimensions)
      for (const { length } of candidates.vectors) assertLength(model.version, 'item', length, shape.itemDimensions)
      return scorer(state, candidates)
    },
  }
  heads.set(policy, head)
  return policy
}

/** It knows items by vector as well as by id, so it names none: an id alone would tell half. */
export const neuralPolicy = (version: string, features: Features, head: Policy): Policy => ({
  version,
  algorithm: 'neural-linear',
  scorer(state, candidates) {
    const { z, predict } = see(features, state)
    const predicted = candidates.vectors.map(predict)
    const { spread } = features
    const scorer = head.scorer(z, candidates)
    return lazyScorer({
      mean: scorer.mean.map((mean, k) => mean + predicted[k]),
      deviation: () => scorer.deviation!.map(each => spread * each),
    })
  },
})
