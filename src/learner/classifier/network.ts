/**
 * A classifier of states in TensorFlow.js: h = relu(s W + b), π(a | s) = softmax(h V + c). The gradient of the cross-entropy is
 * written out, layer by layer, with explicit transposes: there is nothing in it to derive, and the WebAssembly kernel of matMul is ten
 * times slower on transposed operands.
 */
import type { Tensor2D } from '@tensorflow/tfjs'
import { createRandom, seedOf } from '../../state/random.ts'
import type { TensorFlow } from '../tensorflow.ts'

export interface Shape {
  /** Length of a state. */
  readonly inputs: number
  readonly hidden: number
  /** Classes. */
  readonly actions: number
}

export const weightNames = ['hidden/weights', 'hidden/bias', 'output/weights', 'output/bias'] as const
/** One flat row-major array each; weights are [inputs, outputs]. */
export type Weights = Readonly<Record<(typeof weightNames)[number], Float32Array>>

export const weightShapes = ({ inputs, hidden, actions }: Shape): Record<keyof Weights, readonly number[]> => ({
  'hidden/weights': [inputs, hidden],
  'hidden/bias': [hidden],
  'output/weights': [hidden, actions],
  'output/bias': [actions],
})

export function makeWeights(
  shape: Shape,
  make: (name: keyof Weights, shape: readonly number[]) => Float32Array,
): Weights {
  const shapes = weightShapes(shape)
  return Object.fromEntries(weightNames.map(name => [name, make(name, shapes[name])])) as unknown as Weights
}

export const sizeOf = (dimensions: readonly number[]): number => dimensions.reduce((product, size) => product * size, 1)

/** Uniform in ±√(6 / (inputs + outputs)) (Glorot & Bengio 2010), biases 0. */
export const initialWeights = (shape: Shape, seed: number): Weights =>
  makeWeights(shape, (name, dimensions) => {
    if (dimensions.length === 1) return new Float32Array(sizeOf(dimensions))
    const random = createRandom(seedOf(`${seed}/${name}`))
    const bound = Math.sqrt(6 / (dimensions[0] + dimensions[1]))
    return Float32Array.from({ length: sizeOf(dimensions) }, () => bound * (2 * random.uniform() - 1))
  })

/** States with the action that was right, or was taken, in each. */
export interface Labelled {
  /** [B, inputs] row-major. */
  readonly states: Float32Array
  /** [B], indices. */
  readonly actions: Int32Array
  /** [B]; what each counts, e.g. reward over propensity. */
  readonly weights: Float32Array
}

/** Loss L = -1/B Σ_b w_b log π(a_b | s_b), and its gradient: with z the logits, dL/dz_b = w_b/B (π_b - onehot(a_b)). */
export function crossEntropy(
  { tf }: TensorFlow,
  shape: Shape,
  weights: Weights,
  { states, actions, weights: counts }: Labelled,
): { readonly loss: number; readonly gradients: Weights } {
  const size = actions.length
  const shapes = weightShapes(shape)
  const of = (name: keyof Weights) => tf.tensor(weights[name], [...shapes[name]])
  let loss = 0
  const tensors = tf.tidy(() => {
    const x = tf.tensor2d(states, [size, shape.inputs])
    const output = of('output/weights') as Tensor2D
    const hidden = tf.relu(tf.add(tf.matMul(x, of('hidden/weights') as Tensor2D), of('hidden/bias'))) as Tensor2D
    const logProbabilities = tf.logSoftmax(tf.add(tf.matMul(hidden, output), of('output/bias')) as Tensor2D)
    const chosen = tf.oneHot(tf.tensor1d(actions, 'int32'), shape.actions)
    const count = tf.mul(tf.tensor2d(counts, [size, 1]), 1 / size)
    loss = -tf.sum(tf.mul(tf.mul(logProbabilities, chosen), count)).dataSync()[0]
    const toLogits = tf.mul(tf.sub(tf.exp(logProbabilities), chosen), count) as Tensor2D
    const active = tf.cast(tf.greater(hidden, 0), 'float32')
    const toHidden = tf.mul(tf.matMul(toLogits, tf.transpose(output)), active) as Tensor2D
    return [
      tf.matMul(tf.transpose(x), toHidden),
      tf.sum(toHidden, 0),
      tf.matMul(tf.transpose(hidden), toLogits),
      tf.sum(toLogits, 0),
    ]
  })
  const arrays = tensors.map(tensor => tensor.dataSync<'float32'>().slice())
  tf.dispose(tensors)
  return { loss, gradients: makeWeights(shape, name => arrays[weightNames.indexOf(name)]) }
}
