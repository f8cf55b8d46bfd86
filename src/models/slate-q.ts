/**
 * Serving of SlateQ versions: a candidate's score is what it adds to the best slate, v (Q̄ − λ), so that the highest, one slot after
 * the other, are that slate (src/learner/slate-q/targets.ts). λ is made for as many slots as the version has learned slates of. It
 * is no dot product: a catalogue is not searched by it.
 */
import type { ModelVersion } from '../../schemas/records.ts'
import { parameterOf } from '../learner/gradient/learner.ts'
import { gains, itemsOf, lambdaOf } from '../learner/slate-q/targets.ts'
import { createTowers, logit } from '../learner/towers/towers.ts'
import { decodeWeights } from '../learner/towers/training.ts'
import type { CandidateVectors, Loading } from './policy.ts'
import { assertLength } from './two-tower.ts'

const HEADS = 2

/** @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE */
export function* loadSlateQ(model: ModelVersion): Loading {
  const { shape, weights } = decodeWeights(model)
  const slots = parameterOf(model, 'slots')
  const search = parameterOf(model, 'exact') === 1 ? 'exact' : 'top-k'
  yield
  const towers = createTowers(weights)
  const scores = (state: Float64Array, { vectors }: CandidateVectors): Float64Array => {
    assertLength(model.version, 'state', state.length, shape.stateDimensions)
    const { embedding, value } = towers.user(state)
    const logits = new Float32Array(HEADS * vectors.length)
    vectors.forEach((vector, k) => {
      assertLength(model.version, 'item', vector.length, shape.itemDimensions)
      const item = towers.item(vector)
      for (let head = 0; head < HEADS; head++) logits[HEADS * k + head] = logit(embedding, item, head, HEADS)
    })
    const items = itemsOf({ logits, values: Float32Array.of(value) }, 0, vectors.length)
    return gains(items, lambdaOf(items, slots, search))
  }
  return {
    version: model.version,
    algorithm: model.algorithm,
    scorer: (state, candidates) => ({ mean: scores(state, candidates) }),
  }
}
