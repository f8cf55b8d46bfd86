/**
 * The two towers in TensorFlow.js: values and gradients of a batch. Two layers each, so the backward pass is written out:
 * products with transposes made explicitly, because the WebAssembly kernel is ten times slower with transposed operands, sums
 * over rows as a product with ones, likewise, and no gradient for what is data.
 */
import type { Tensor1D, Tensor2D, Tensor as TfTensor } from '@tensorflow/tfjs'
import type { TensorFlow } from '../tensorflow.ts'
import { type ParameterName, type Parameters, parameterNames, parameterShapes, type Shape } from './parameters.ts'
import { embeddingGradients, logitsOf } from './products.ts'

type Tf = TensorFlow['tf']
type Tensors = { readonly [Name in ParameterName]: Name extends `${string}bias` ? Tensor1D : Tensor2D }
type Side = 'user' | 'item'

export interface NetworkBatch {
  /** [B, state dimensions]. */
  readonly states: Float32Array
  /** Items that are candidates, [items, item dimensions]. */
  readonly items: Float32Array
  /** Item of each candidate, [B, K]; -1 is padding. Default: each has one of its own, in order. */
  readonly rows?: Int32Array
  /** B. */
  readonly size: number
  /** K, the same for all: short lists are padded. */
  readonly candidates: number
}

/** dLoss/dLogits [B, K], with several heads [B, K, heads], and dLoss/dValues [B] at these logits and values. */
export type OutputGradient = (
  logits: Float32Array,
  values: Float32Array,
) => { readonly logitGradient: Float32Array; readonly valueGradient: Float32Array }

export interface Network {
  forward(weights: Parameters, batch: NetworkBatch): { logits: Float32Array; values: Float32Array }
  /** Gradient of the loss whose gradient at the outputs `at` gives; called once. */
  gradients(weights: Parameters, batch: NetworkBatch, at: OutputGradient): Parameters
}

export function createNetwork({ tf }: TensorFlow, shape: Shape): Network {
  const shapes = parameterShapes(shape)
  const { heads = 1, embedding } = shape
  const upload = (weights: Parameters): Tensors => {
    const tensors = parameterNames.map((name): [string, TfTensor] => [
      name,
      tf.tensor(weights[name], [...shapes[name]]),
    ])
    return Object.fromEntries(tensors) as unknown as Tensors
  }
  const pass = (weights: Tensors, batch: NetworkBatch) => {
    const { size, candidates, rows = inOrder(size * candidates) } = batch
    const user = forward(tf, weights, 'user', matrix(tf, batch.states, shape.stateDimensions))
    const item = forward(tf, weights, 'item', matrix(tf, batch.items, shape.itemDimensions))
    const [users, items] = [user, item].map(tower => tower.embedding.dataSync<'float32'>())
    const meeting = { size, candidates, rows, heads, embedding }
    const values = tf.fused.matMul({
      a: user.hidden,
      b: weights['value/weights'],
      bias: weights['value/bias'],
    })
    const outputs = { logits: logitsOf(users, items, meeting), values: values.dataSync<'float32'>() }
    return { user, item, users, items, meeting, outputs }
  }
  return {
    forward(weights, batch) {
      // what a tidy returns is searched for tensors, number by number
      let outputs: ReturnType<Network['forward']>
      tf.tidy(() => {
        outputs = pass(upload(weights), batch).outputs
      })
      return outputs!
    },
    gradients(weights, batch, at) {
      const gradients: Partial<Record<ParameterName, Float32Array>> = {}
      tf.tidy(() => {
        const tensors = upload(weights)
        const { user, item, users, items, meeting, outputs } = pass(tensors, batch)
        const { logitGradient, valueGradient } = at(outputs.logits, outputs.values)
        const slopes = embeddingGradients(users, items, logitGradient, meeting)
        const values = tf.tensor2d(valueGradient, [batch.size, 1])
        const made: Gradients = {
          ...backward(tf, tensors, 'user', user, matrix(tf, slopes.users, heads * embedding), values),
          ...backward(tf, tensors, 'item', item, matrix(tf, slopes.items, heads * embedding)),
          'value/weights': tf.matMul(tf.transpose(user.hidden), values),
          'value/bias': overRows(tf, values),
        }
        for (const name of parameterNames) gradients[name] = made[name]!.dataSync<'float32'>().slice()
      })
      return gradients as Parameters
    },
  }
}

type Gradients = Partial<Record<ParameterName, Tensor2D>>

interface Tower {
  readonly input: Tensor2D
  readonly hidden: Tensor2D
  readonly embedding: Tensor2D
}

/** h = relu(x W + b), and h W' + b'. */
function forward(tf: Tf, weights: Tensors, side: Side, input: Tensor2D): Tower {
  const layer = (a: Tensor2D, name: 'hidden' | 'embedding', activation: 'relu' | 'linear') =>
    tf.fused.matMul({
      a,
      b: weights[`${side}/${name}/weights`],
      bias: weights[`${side}/${name}/bias`],
      activation,
    }) as Tensor2D
  const hidden = layer(input, 'hidden', 'relu')
  return { input, hidden, embedding: layer(hidden, 'embedding', 'linear') }
}

/** Gradients of a tower's parameters. @param slope dLoss/dEmbedding @param values dLoss/dValues, where there is a value head */
function backward(
  tf: Tf,
  weights: Tensors,
  side: Side,
  { input, hidden }: Tower,
  slope: Tensor2D,
  values?: Tensor2D,
): Gradients {
  const embedded: Tensor2D = tf.matMul(slope, tf.transpose(weights[`${side}/embedding/weights`]))
  const valued = values && tf.matMul(values, tf.transpose(weights['value/weights']))
  const raw: Tensor2D = tf.mul(valued ? tf.add(embedded, valued) : embedded, tf.step(hidden))
  return {
    [`${side}/hidden/weights`]: tf.matMul(tf.transpose(input), raw),
    [`${side}/hidden/bias`]: overRows(tf, raw),
    [`${side}/embedding/weights`]: tf.matMul(tf.transpose(hidden), slope),
    [`${side}/embedding/bias`]: overRows(tf, slope),
  }
}

const matrix = (tf: Tf, values: Float32Array, columns: number): Tensor2D =>
  tf.tensor2d(values, [values.length / columns, columns])

const overRows = (tf: Tf, x: Tensor2D): Tensor2D => tf.matMul(tf.ones([1, x.shape[0]]), x)

const inOrder = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i)
