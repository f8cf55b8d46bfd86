/**
 * The two towers in TensorFlow.js: values and gradients of a batch. Dense layers have a gradient of their own that
 * transposes explicitly, because the stock gradient of matMul asks for transposed operands, for which the WebAssembly
 * kernel is ten times slower; and inputs that are data get no gradient.
 */
import type { Tensor2D, Tensor as TfTensor } from '@tensorflow/tfjs'
import type { TensorFlow } from '../tensorflow.ts'
import { type ParameterName, type Parameters, parameterNames, parameterShapes, type Shape } from './parameters.ts'

type Tf = TensorFlow['tf']
type Tensors = Record<ParameterName, TfTensor>

export interface NetworkBatch {
  /** [B, state dimensions]. */
  readonly states: Float32Array
  /** [B, K, item dimensions]; padding is zeros. */
  readonly items: Float32Array
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
  const { heads = 1 } = shape
  const upload = (weights: Parameters): TfTensor[] =>
    parameterNames.map(name => tf.tensor(weights[name], [...shapes[name]]))
  const inputs = ({ states, items, size, candidates }: NetworkBatch) => ({
    states: tf.tensor2d(states, [size, shape.stateDimensions]),
    items: tf.tensor2d(items, [size * candidates, shape.itemDimensions]),
  })
  const outputs = (weights: Tensors, data: ReturnType<typeof inputs>, { size, candidates }: NetworkBatch) => {
    const hidden = inputLayer(tf, data.states, weights['user/hidden/weights'], weights['user/hidden/bias'])
    const user = dense(tf, hidden, weights['user/embedding/weights'], weights['user/embedding/bias'])
    const itemHidden = inputLayer(tf, data.items, weights['item/hidden/weights'], weights['item/hidden/bias'])
    const item = dense(tf, itemHidden, weights['item/embedding/weights'], weights['item/embedding/bias'])
    const product = tf.mul(
      tf.reshape(user, [size, 1, heads * shape.embedding]),
      tf.reshape(item, [size, candidates, heads * shape.embedding]),
    )
    const dots = tf.sum(tf.reshape(product, [size * candidates * heads, shape.embedding]), 1)
    const logits = tf.mul(dots, 1 / Math.sqrt(shape.embedding))
    const values = tf.reshape(dense(tf, hidden, weights['value/weights'], weights['value/bias']), [size])
    return { logits, values }
  }
  return {
    forward: (weights, batch) =>
      tf.tidy(() => {
        const { logits, values } = outputs(named(upload(weights)), inputs(batch), batch)
        return { logits: logits.dataSync<'float32'>(), values: values.dataSync<'float32'>() }
      }),
    gradients: (weights, batch, at) =>
      tf.tidy(() => {
        const data = inputs(batch)
        // a sum whose gradient is the loss's: the gradient at the outputs enters as a constant
        const surrogate = (...tensors: TfTensor[]) => {
          const { logits, values } = outputs(named(tensors), data, batch)
          const gradient = at(logits.dataSync<'float32'>(), values.dataSync<'float32'>())
          const policy = tf.sum(tf.mul(logits, tf.tensor1d(gradient.logitGradient)))
          return tf.add(policy, tf.sum(tf.mul(values, tf.tensor1d(gradient.valueGradient)))) as TfTensor
        }
        const gradients = tf.grads(surrogate as (...args: TfTensor[]) => TfTensor)(upload(weights))
        return Object.fromEntries(
          parameterNames.map((name, i) => [name, gradients[i].dataSync<'float32'>().slice()]),
        ) as Record<ParameterName, Float32Array>
      }),
  }
}

const named = (tensors: readonly TfTensor[]): Tensors =>
  Object.fromEntries(parameterNames.map((name, i) => [name, tensors[i]])) as Tensors

/** relu(x W + b) of data: no gradient for x. */
function inputLayer(tf: Tf, x: Tensor2D, weights: TfTensor, bias: TfTensor): TfTensor {
  const layer = tf.customGrad((...args) => {
    const [w, b, save] = args as unknown as [Tensor2D, TfTensor, (tensors: TfTensor[]) => void]
    const value = tf.relu(tf.add(tf.matMul(x, w), b))
    save([value])
    const gradFunc = (dy: TfTensor, saved: TfTensor[]) => {
      const dz = tf.mul(dy, tf.cast(tf.greater(saved[0], 0), 'float32')) as Tensor2D
      return [tf.matMul(tf.transpose(x), dz), tf.sum(dz, 0)]
    }
    return { value, gradFunc }
  })
  return layer(weights, bias)
}

/** x W + b. */
function dense(tf: Tf, input: TfTensor, weights: TfTensor, bias: TfTensor): TfTensor {
  const layer = tf.customGrad((...args) => {
    const [x, w, b, save] = args as unknown as [Tensor2D, Tensor2D, TfTensor, (tensors: TfTensor[]) => void]
    save([x, w])
    const gradFunc = (dy: TfTensor, saved: TfTensor[]) => {
      const [savedX, savedW] = saved as [Tensor2D, Tensor2D]
      const dz = dy as Tensor2D
      return [tf.matMul(dz, tf.transpose(savedW)), tf.matMul(tf.transpose(savedX), dz), tf.sum(dz, 0)]
    }
    return { value: tf.add(tf.matMul(x, w), b), gradFunc }
  })
  return layer(input, weights, bias)
}
