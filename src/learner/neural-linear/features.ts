/**
 * What the head sees: z = [1, u / √E] with u the state's embedding, and for each item what the towers alone expect of it,
 * f = unit (u·v / √E + V). Numbers of the state are standardised before they enter (src/learner/linear/features.ts).
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { decodeFeatureMap } from '../linear/feature-tensors.ts'
import type { FeatureMap } from '../linear/features.ts'
import type { Shape } from '../towers/parameters.ts'
import { createTowers, logit, type Towers } from '../towers/towers.ts'
import { decodeWeights } from '../towers/training.ts'

export interface Features {
  readonly map: FeatureMap
  readonly towers: Towers
  /** Scalar reward that is 1 to the towers: their outputs are of that size whatever the rewards are. */
  readonly unit: number
  /** How much larger errors are on decisions that the towers were not trained on than on those that they were. The head's
   * noise is that of the latter, so its deviations are taken this many times. */
  readonly spread: number
}

export interface Seen {
  /** Length embedding + 1. */
  readonly z: Float64Array
  /** Scalar reward that the towers expect of an item. */
  predict(vector: Float32Array): number
}

export function see({ map, towers, unit }: Pick<Features, 'map' | 'towers' | 'unit'>, state: Float64Array): Seen {
  const { embedding, value } = towers.user(map.apply(state))
  const z = new Float64Array(embedding.length + 1).fill(1)
  for (let i = 0; i < embedding.length; i++) z[i + 1] = embedding[i] / Math.sqrt(embedding.length)
  return { z, predict: vector => unit * (logit(embedding, towers.item(vector)) + value) }
}

/** Of a version. @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE */
export function decodeFeatures(model: ModelVersion): { shape: Shape; features: Features } {
  const { shape, weights } = decodeWeights(model)
  const { unit, spread } = model.parameters
  if (!(unit > 0 && spread >= 1 && Number.isFinite(unit) && Number.isFinite(spread)))
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: parameters of another algorithm`)
  return { shape, features: { map: decodeFeatureMap(model), towers: createTowers(weights), unit, spread } }
}
