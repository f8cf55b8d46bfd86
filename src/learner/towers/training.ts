/** What gradient learning of the two towers goes on from: weights, Adam's moments, counters. All in every checkpoint. */
import type { ModelVersion, Tensor } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { isFiniteArray } from '../tensors.ts'
import type { AdamState } from './adam.ts'
import {
  decodeParameters,
  encodeParameters,
  initialParameters,
  type Parameters,
  type Shape,
  zeroParameters,
} from './parameters.ts'

export interface Training {
  weights: Parameters
  adam: AdamState
  /** Gradient steps taken, refused ones included: seeds the draws of the next, which is all the random state there is. */
  draws: number
  /** Updates refused because they were not finite. */
  refusedUpdates: number
}

const WEIGHTS = 'weights/'
const FIRST = 'adam/first/'
const SECOND = 'adam/second/'

export const startTraining = (shape: Shape, seed: number): Training => ({
  weights: initialParameters(shape, seed),
  adam: { first: zeroParameters(shape), second: zeroParameters(shape), steps: 0 },
  draws: 0,
  refusedUpdates: 0,
})

export function encodeTraining(
  { weights, adam, draws, refusedUpdates }: Training,
  shape: Shape,
): { parameters: Record<string, number>; tensors: Tensor[] } {
  const tensors = [
    ...encodeParameters(weights, WEIGHTS, shape),
    ...encodeParameters(adam.first, FIRST, shape),
    ...encodeParameters(adam.second, SECOND, shape),
  ]
  const parameters = {
    state_dimensions: shape.stateDimensions,
    item_dimensions: shape.itemDimensions,
    hidden: shape.hidden,
    embedding: shape.embedding,
    ...(shape.heads === undefined ? {} : { heads: shape.heads }),
    adam_steps: adam.steps,
    draws,
    refused_updates: refusedUpdates,
  }
  return { parameters, tensors }
}

/** @throws FeedloopError MODEL_INCOMPATIBLE */
export function decodeTraining(model: ModelVersion, shape: Shape): Training {
  const { adam_steps, draws, refused_updates } = model.parameters
  if (![adam_steps, draws, refused_updates].every(count => Number.isSafeInteger(count) && count >= 0))
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: counters are missing, or none`)
  const read = (group: string) => decodeParameters(model, group, shape)
  return {
    weights: read(WEIGHTS),
    adam: { first: read(FIRST), second: read(SECOND), steps: adam_steps },
    draws,
    refusedUpdates: refused_updates,
  }
}

/** Shape and weights alone, for who serves. @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE */
export function decodeWeights(model: ModelVersion): { shape: Shape; weights: Parameters } {
  const shape = shapeOf(model)
  const weights = decodeParameters(model, WEIGHTS, shape)
  for (const [name, values] of Object.entries(weights))
    if (!isFiniteArray(values))
      throw new FeedloopError('MODEL_NOT_FINITE', `version ${model.version}, tensor ${WEIGHTS}${name}`)
  return { shape, weights }
}

function shapeOf(model: ModelVersion): Shape {
  const { state_dimensions, item_dimensions, hidden, embedding, heads = 1 } = model.parameters
  const shape = { stateDimensions: state_dimensions, itemDimensions: item_dimensions, hidden, embedding, heads }
  if (!Object.values(shape).every(size => Number.isInteger(size) && size > 0))
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${model.version} is of ${model.algorithm}, which has no network of two towers`,
    )
  return shape
}
