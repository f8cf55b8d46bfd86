/** Serving of classifiers: an item's score is the logit of its class. */
import type { ModelVersion } from '../../schemas/records.ts'
import { actionsOf, OTHER } from '../learner/classifier/actions.ts'
import { decodeWeights, logitsOf } from '../learner/classifier/classifier.ts'
import type { Loading } from './policy.ts'
import { assertLength } from './two-tower.ts'

/** @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE */
export function* loadClassifier(model: ModelVersion): Loading {
  const { shape, weights } = decodeWeights(model)
  yield
  const classes = actionsOf(model, shape.actions - 1)
  return {
    version: model.version,
    algorithm: model.algorithm,
    knownItems: limit => [...classes.keys()].slice(0, limit),
    scorer(state, { itemIds }) {
      assertLength(model.version, 'state', state.length, shape.inputs)
      const logits = logitsOf(shape, weights, state)
      return { mean: Float64Array.from(itemIds, itemId => logits[classes.get(itemId) ?? OTHER]) }
    },
  }
}
