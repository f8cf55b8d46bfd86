/** Serving of two-tower versions: a candidate's score is its logit. */
import type { ModelVersion } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'
import { firstHead } from '../learner/towers/heads.ts'
import type { Shape } from '../learner/towers/parameters.ts'
import { createTowers, logit, type Towers } from '../learner/towers/towers.ts'
import { decodeWeights } from '../learner/towers/training.ts'
import type { CandidateVectors, Loading, Retrieval } from './policy.ts'

/** @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE */
export function* loadTwoTower(model: ModelVersion): Loading {
  const { shape, weights } = firstHead(decodeWeights(model))
  yield
  const towers = createTowers(weights)
  const scores = (state: Float64Array, { vectors }: CandidateVectors): Float64Array => {
    assertLength(model.version, 'state', state.length, shape.stateDimensions)
    const { embedding } = towers.user(state)
    return Float64Array.from(vectors, vector => {
      assertLength(model.version, 'item', vector.length, shape.itemDimensions)
      return logit(embedding, towers.item(vector))
    })
  }
  return {
    version: model.version,
    algorithm: model.algorithm,
    retrieval: towerRetrieval(model.version, towers, shape, state => towers.user(state).embedding, scores),
    scorer: (state, candidates) => ({ mean: scores(state, candidates) }),
  }
}

/** Items by what the towers say of their vectors: the logit grows with u·v. An item with another vector is never found. */
export const towerRetrieval = (
  version: string,
  towers: Towers,
  { embedding, itemDimensions }: Shape,
  query: Retrieval['query'],
  scores: Retrieval['scores'],
): Retrieval => ({
  space: 'towers',
  version,
  dimensions: embedding,
  query,
  place(vector, out) {
    if (vector.length !== itemDimensions) return Number.NEGATIVE_INFINITY
    out.set(towers.embed(vector))
    return 0
  },
  scores,
})

/** @throws FeedloopError MODEL_INCOMPATIBLE */
export function assertLength(version: string, what: 'state' | 'item', length: number, expected: number): void {
  if (length !== expected)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${version} takes ${what} vectors of ${expected} dimensions, not ${length}`,
    )
}
