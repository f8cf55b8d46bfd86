/**
 * The two towers on plain arrays, as they serve: for one state and tens of items faster than any TensorFlow.js backend. An
 * item's embedding depends on the weights and its vector only, so each is computed once.
 */
import type { Parameters } from './parameters.ts'

export interface Towers {
  /** Embedding of a state, u (those of all heads), and the value of it, V. */
  user(state: Float64Array): { readonly embedding: Float32Array; readonly value: number }
  /** Embedding of an item's vector, v. A vector is never changed once known: the array itself is the key. */
  item(vector: Float32Array): Float32Array
  /** The same, not kept: for whole catalogues. */
  embed(vector: Float32Array): Float32Array
}

export function createTowers(weights: Parameters): Towers {
  const embeddings = new WeakMap<Float32Array, Float32Array>()
  return {
    user(state) {
      const { hidden, embedding } = tower(weights, 'user', Float32Array.from(state))
      return { embedding, value: valueHead(weights, hidden) }
    },
    embed: vector => tower(weights, 'item', vector).embedding,
    item(vector) {
      let embedding = embeddings.get(vector)
      if (!embedding) {
        embedding = tower(weights, 'item', vector).embedding
        embeddings.set(vector, embedding)
      }
      return embedding
    },
  }
}

/** V(s). */
export const stateValue = (weights: Parameters, state: Float64Array): number =>
  valueHead(weights, hiddenOf(weights, 'user', Float32Array.from(state)))

/** The logit of a candidate, u·v / √embedding, of one of the heads. */
export function logit(user: Float32Array, item: Float32Array, head = 0, heads = 1): number {
  const size = user.length / heads
  let sum = 0
  for (let i = head * size; i < (head + 1) * size; i++) sum += user[i] * item[i]
  return sum / Math.sqrt(size)
}

const valueHead = (weights: Parameters, hidden: Float32Array): number =>
  dot(hidden, weights['value/weights']) + weights['value/bias'][0]

type Side = 'user' | 'item'

function tower(weights: Parameters, side: Side, input: Float32Array) {
  const hidden = hiddenOf(weights, side, input)
  return { hidden, embedding: layer(hidden, weights[`${side}/embedding/weights`], weights[`${side}/embedding/bias`]) }
}

function hiddenOf(weights: Parameters, side: Side, input: Float32Array): Float32Array {
  const hidden = layer(input, weights[`${side}/hidden/weights`], weights[`${side}/hidden/bias`])
  for (let i = 0; i < hidden.length; i++) if (hidden[i] < 0) hidden[i] = 0
  return hidden
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
