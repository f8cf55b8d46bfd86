/** Serving of Q-learned versions: a candidate's score is Q(s, a), what it is worth with all that comes after. */
import type { ModelVersion } from '../../schemas/records.ts'
import { baseline } from '../learner/dqn/targets.ts'
import { parameterOf } from '../learner/gradient/learner.ts'
import { createTowers, logit } from '../learner/towers/towers.ts'
import { decodeWeights } from '../learner/towers/training.ts'
import type { CandidateVectors, Loading } from './policy.ts'
import { assertLength, towerRetrieval } from './two-tower.ts'

/** Retrieval goes by the dot product: of one decision V and the mean advantage are the same for all.
 * @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE */
export function* loadDqn(model: ModelVersion): Loading {
  const { shape, weights } = decodeWeights(model)
  const isDueling = parameterOf(model, 'dueling') === 1
  yield
  const towers = createTowers(weights)
  const scores = (state: Float64Array, { vectors }: CandidateVectors): Float64Array => {
    assertLength(model.version, 'state', state.length, shape.stateDimensions)
    const { embedding, value } = towers.user(state)
    const logits = Float32Array.from(vectors, vector => {
      assertLength(model.version, 'item', vector.length, shape.itemDimensions)
      return logit(embedding, towers.item(vector))
    })
    const shared = baseline({ logits, values: Float32Array.of(value) }, 0, logits.length, isDueling)
    return Float64Array.from(logits, advantage => shared + advantage)
  }
  return {
    version: model.version,
    algorithm: model.algorithm,
    retrieval: towerRetrieval(model.version, towers, shape, state => towers.user(state).embedding, scores),
    scorer: (state, candidates) => ({ mean: scores(state, candidates) }),
  }
}
