/**
 * Serving of two-tower versions on plain arrays: for one user and tens of candidates faster than any TensorFlow.js
 * backend. Item embeddings depend on the version and the item's vector only, so each is computed once a version.
 */
import type { ModelVersion } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'
import { isFiniteArray } from '../learner/tensors.ts'
import { decodeParameters, type Parameters, type Shape } from '../learner/two-tower/parameters.ts'
import type { CandidateVectors, Policy } from './policy.ts'

/** Group of the weights among a checkpoint's tensors. */
export const WEIGHTS = 'weights/'

/** @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE */
export function loadTwoTower(model: ModelVersion): Policy {
  const shape = shapeOf(model)
  const weights = decodeParameters(model, WEIGHTS, shape)
  for (const [name, values] of Object.entries(weights))
    if (!isFiniteArray(values))
      throw new FeedloopError('MODEL_NOT_FINITE', `version ${model.version}, tensor ${WEIGHTS}${name}`)
  // a vector is never changed once known, so the array itself is the key
  const embeddings = new WeakMap<Float32Array, Float32Array>()
  const embed = (vector: Float32Array): Float32Array => {
    let embedding = embeddings.get(vector)
    if (!embedding) {
      embedding = tower(weights, 'item', vector).embedding
      embeddings.set(vector, embedding)
    }
    return embedding
  }
  return {
    version: model.version,
    algorithm: model.algorithm,
    scorer(state: Float64Array, { vectors }: CandidateVectors) {
      assertLength(model, 'state', state.length, shape.stateDimensions)
      const user = tower(weights, 'user', Float32Array.from(state)).embedding
      const scale = 1 / Math.sqrt(shape.embedding)
      const mean = new Float64Array(vectors.length)
      for (let k = 0; k < vectors.length; k++) {
        assertLength(model, 'item', vectors[k].length, shape.itemDimensions)
        mean[k] = scale * dot(user, embed(vectors[k]))
      }
      return { mean }
    },
  }
}

/** V(s) on plain arrays. */
export function stateValue(weights: Parameters, state: Float64Array): number {
  const { hidden } = tower(weights, 'user', Float32Array.from(state))
  return dot(hidden, weights['value/weights']) + weights['value/bias'][0]
}

function shapeOf(model: ModelVersion): Shape {
  const { state_dimensions, item_dimensions, hidden, embedding } = model.parameters
  const shape = { stateDimensions: state_dimensions, itemDimensions: item_dimensions, hidden, embedding }
  if (!Object.values(shape).every(size => Number.isInteger(size) && size > 0))
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: parameters of another algorithm`)
  return shape
}

function assertLength(model: ModelVersion, what: string, length: number, expected: number): void {
  if (length !== expected)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${model.version} takes ${what} vectors of ${expected} dimensions, not ${length}`,
    )
}

function tower(weights: Parameters, side: 'user' | 'item', input: Float32Array) {
  const hidden = layer(input, weights[`${side}/hidden/weights`], weights[`${side}/hidden/bias`])
  for (let i = 0; i < hidden.length; i++) if (hidden[i] < 0) hidden[i] = 0
  return { hidden, embedding: layer(hidden, weights[`${side}/embedding/weights`], weights[`${side}/embedding/bias`]) }
}

/** x W + b, row by row of W, so that memory is read in order and zeros of x cost nothing. */
function layer(x: Float32Array, weights: Float32Array, bias: Float32Array): Float32Array {
  const out = bias.slice()
  for (let i = 0, row = 0; i < x.length; i++, row += out.length) {
    const value = x[i]
    if (value !== 0) for (let j = 0; j < out.length; j++) out[j] += value * weights[row + j]
  }
  return out
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
