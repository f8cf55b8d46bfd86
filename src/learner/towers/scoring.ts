/**
 * Logits of candidates, and their gradients, from the hidden units h of items: u·(h W + b) = h·(W u) + b·u asks for W u once a
 * decision, and for an item's embedding never. Two ways, with the same results up to rounding: by rows, one a candidate; or
 * shared, where the batch's decisions choose from few items: each item has one row, and all products of decisions and items are one matMul.
 */
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs'
import type { TensorFlow } from '../tensorflow.ts'

type Tf = TensorFlow['tf']

export interface Scoring {
  /** [B, K]. @param asked W u, [B, hidden] @param constant b·u, [B, 1] */
  logits(asked: Tensor2D, constant: Tensor2D): Float32Array
  /** @param at dLoss/dLogits, [B, K] */
  gradients(at: Float32Array, asked: Tensor2D): ScoringGradients
}

export interface ScoringGradients {
  /** [B, hidden]. */
  readonly asked: Tensor2D
  /** [B, 1]. */
  readonly constant: Tensor2D
  /** Of h, one row each as it has. */
  readonly hidden: Tensor2D
}

/** @param hidden [B K, hidden] */
export function byRows(tf: Tf, hidden: Tensor2D, size: number, candidates: number): Scoring {
  const units = hidden.shape[1]
  const items = tf.reshape(hidden, [size, candidates, units])
  const spread = (asked: Tensor2D): Tensor3D => tf.reshape(asked, [size, 1, units])
  return {
    logits: (asked, constant) =>
      tf.add(tf.sum(tf.mul(items, spread(asked)), 2), constant).dataSync<'float32'>() as Float32Array,
    gradients(at, asked) {
      const gradient = tf.tensor3d(at, [size, candidates, 1])
      return {
        asked: tf.sum(tf.mul(items, gradient), 1),
        constant: tf.sum(gradient, 1),
        hidden: tf.reshape(tf.mul(gradient, spread(asked)), [size * candidates, units]),
      }
    },
  }
}

/** @param hidden [items, hidden] @param index of each candidate's item, [B, K] */
export function shared(tf: Tf, hidden: Tensor2D, index: Int32Array, size: number): Scoring {
  const [items] = hidden.shape
  const candidates = index.length / size
  return {
    logits(asked, constant) {
      const all = tf.add(tf.matMul(asked, tf.transpose(hidden)), constant).dataSync<'float32'>()
      const logits = new Float32Array(index.length)
      for (let b = 0; b < size; b++)
        for (let k = b * candidates; k < (b + 1) * candidates; k++) logits[k] = all[b * items + index[k]]
      return logits
    },
    gradients(at, asked) {
      const all = new Float32Array(size * items)
      for (let b = 0; b < size; b++)
        for (let k = b * candidates; k < (b + 1) * candidates; k++) all[b * items + index[k]] += at[k]
      const gradient = tf.tensor2d(all, [size, items])
      return {
        asked: tf.matMul(gradient, hidden),
        constant: tf.sum(gradient, 1, true),
        hidden: tf.matMul(tf.transpose(gradient), asked),
      }
    },
  }
}
