/** Serving of two-tower versions: a candidate's score is its logit. */
import type { ModelVersion } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'
import { createTowers, logit } from '../learner/two-tower/towers.ts'
import { decodeWeights } from '../learner/two-tower/training.ts'
import type { CandidateVectors, Policy } from './policy.ts'

/** @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE */
export function loadTwoTower(model: ModelVersion): Policy {
  const { shape, weights } = decodeWeights(model)
  const towers = createTowers(weights)
  return {
    version: model.version,
    algorithm: model.algorithm,
    scorer(state: Float64Array, { vectors }: CandidateVectors) {
      assertLength(model.version, 'state', state.length, shape.stateDimensions)
      const { embedding } = towers.user(state)
      const mean = Float64Array.from(vectors, vector => {
        assertLength(model.version, 'item', vector.length, shape.itemDimensions)
        return logit(embedding, towers.item(vector))
      })
      return { mean }
    },
  }
}

/** @throws FeedloopError MODEL_INCOMPATIBLE */
export function assertLength(version: string, what: 'state' | 'item', length: number, expected: number): void {
  if (length !== expected)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${version} takes ${what} vectors of ${expected} dimensions, not ${length}`,
    )
}
