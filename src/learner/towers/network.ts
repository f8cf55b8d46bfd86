/**
 * The two towers in TensorFlow.js: outputs of a batch and gradients of the parameters. Written so that the WebAssembly backend is
 * fast, which the stock gradients are not: its matMul is ten times slower for transposed operands, a sum over the first axis
 * ten times slower than a product with ones, and a comparison than `step`. And an item's embedding is never made: the logit
 *   u·(h W + b) = h·(W u) + b·u
 * asks for W u once a decision and not for h W once a candidate; the same holds for the gradients.
 */
import type { Tensor2D, Tensor3D, Tensor as TfTensor } from '@tensorflow/tfjs'
import type { TensorFlow } from '../tensorflow.ts'
import { type ParameterName, type Parameters, parameterNames, parameterShapes, type Shape } from './parameters.ts'

/** Biases have one dimension. */
type Tensors = Readonly<Record<ParameterName, Tensor2D>>

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

/** Of a forward pass, what the gradients need. */
interface Pass {
  readonly states: Tensor2D
  /** [B K, item dimensions]. */
  readonly items: Tensor2D
  /** [B, hidden]. */
  readonly userHidden: Tensor2D
  /** [B, K, hidden]. */
  readonly itemHidden: Tensor3D
  /** By head u / √embedding, [B, embedding], and W u / √embedding, [B, 1, hidden]. */
  readonly asked: readonly { readonly user: Tensor2D; readonly item: Tensor3D }[]
  readonly logits: Float32Array
  readonly values: Float32Array
}

export function createNetwork({ tf }: TensorFlow, shape: Shape): Network {
  const shapes = parameterShapes(shape)
  const { hidden, embedding, heads = 1 } = shape
  const eachHead = Array.from({ length: heads }, (_, head) => head)
  const scale = 1 / Math.sqrt(embedding)
  const upload = (weights: Parameters): Tensors =>
    Object.fromEntries(
      parameterNames.map((name): [string, TfTensor] => [name, tf.tensor(weights[name], [...shapes[name]])]),
    ) as Tensors
  const layer = (x: Tensor2D, w: Tensor2D, bias: TfTensor, activation: 'relu' | 'linear' = 'linear'): Tensor2D =>
    tf.fused.matMul({ a: x, b: w, bias, activation }) as Tensor2D
  /** Columns of one head. */
  const ofHead = (all: Tensor2D, head: number): Tensor2D =>
    heads === 1 ? all : tf.slice(all, [0, head * embedding], [-1, embedding])
  const times = (a: TfTensor, b: TfTensor): TfTensor => tf.matMul(a as Tensor2D, b as Tensor2D)
  /** Sum of the rows, [1, columns]. */
  const total = (rows: Tensor2D): TfTensor => times(tf.ones([1, rows.shape[0]]), rows)

  function forward(w: Tensors, { states: s, items: x, size, candidates }: NetworkBatch): Pass {
    const states = tf.tensor2d(s, [size, shape.stateDimensions])
    const items = tf.tensor2d(x, [size * candidates, shape.itemDimensions])
    const userHidden = layer(states, w['user/hidden/weights'], w['user/hidden/bias'], 'relu')
    const user = tf.mul(layer(userHidden, w['user/embedding/weights'], w['user/embedding/bias']), scale) as Tensor2D
    const rows = layer(items, w['item/hidden/weights'], w['item/hidden/bias'], 'relu')
    const itemHidden = tf.reshape(rows, [size, candidates, hidden]) as Tensor3D
    const asked = eachHead.map(head => {
      const own = ofHead(user, head)
      const item = times(own, tf.transpose(ofHead(w['item/embedding/weights'], head)))
      return { user: own, item: tf.reshape(item, [size, 1, hidden]) as Tensor3D }
    })
    const bias = tf.reshape(w['item/embedding/bias'], [heads, embedding])
    const logits = asked.map((each, head) => {
      const constant = times(each.user, tf.reshape(tf.slice(bias, [head, 0], [1, embedding]), [embedding, 1]))
      return tf.add(tf.sum(tf.mul(itemHidden, each.item), 2), constant)
    })
    return {
      states,
      items,
      userHidden,
      itemHidden,
      asked,
      logits: (heads === 1 ? logits[0] : tf.stack(logits, 2)).dataSync<'float32'>(),
      values: layer(userHidden, w['value/weights'], w['value/bias']).dataSync<'float32'>(),
    }
  }

  /** @param logitGradients by head, [B, K, 1] @param valueGradient [B, 1] */
  function backward(
    w: Tensors,
    pass: Pass,
    logitGradients: readonly Tensor3D[],
    valueGradient: Tensor2D,
  ): Record<ParameterName, TfTensor> {
    const { states, items, userHidden, itemHidden, asked } = pass
    const byHead = logitGradients.map((gradient, head) => {
      const item = tf.sum(tf.mul(itemHidden, gradient), 1) as Tensor2D
      const constant = tf.sum(gradient, 1) as Tensor2D
      const bias = times(tf.transpose(constant), asked[head].user)
      const weights = times(tf.transpose(item), asked[head].user)
      const user = tf.add(
        times(item, ofHead(w['item/embedding/weights'], head)),
        tf.mul(constant, tf.slice(w['item/embedding/bias'], [head * embedding], [embedding])),
      )
      return { bias, weights, user, hidden: tf.mul(gradient, asked[head].item) }
    })
    const joined = (part: 'bias' | 'weights' | 'user'): Tensor2D =>
      (heads === 1
        ? byHead[0][part]
        : tf.concat(
            byHead.map(each => each[part]),
            1,
          )) as Tensor2D
    const itemHiddenGradient = tf.mul(byHead.map(each => each.hidden).reduce(tf.add), tf.step(itemHidden))
    // matMul copies its second operand: better the smaller one, the items
    const itemColumns = tf.transpose(tf.reshape(itemHiddenGradient, [-1, hidden]))
    const user = tf.mul(joined('user'), scale) as Tensor2D
    const userHiddenGradient = tf.mul(
      tf.add(
        times(user, tf.transpose(w['user/embedding/weights'])),
        tf.mul(valueGradient, tf.reshape(w['value/weights'], [1, hidden])),
      ),
      tf.step(userHidden),
    ) as Tensor2D
    const userHiddenColumns = tf.transpose(userHidden)
    return {
      'user/hidden/weights': times(tf.transpose(states), userHiddenGradient),
      'user/hidden/bias': total(userHiddenGradient),
      'user/embedding/weights': times(userHiddenColumns, user),
      'user/embedding/bias': total(user),
      'item/hidden/weights': tf.transpose(times(itemColumns, items)),
      'item/hidden/bias': tf.sum(itemColumns, 1),
      'item/embedding/weights': joined('weights'),
      'item/embedding/bias': joined('bias'),
      'value/weights': times(userHiddenColumns, valueGradient),
      'value/bias': total(valueGradient),
    }
  }

  return {
    forward: (weights, batch) =>
      tidy(tf, () => {
        const { logits, values } = forward(upload(weights), batch)
        return { logits, values }
      }),
    gradients: (weights, batch, at) =>
      tidy(tf, () => {
        const w = upload(weights)
        const pass = forward(w, batch)
        const { logitGradient, valueGradient } = at(pass.logits, pass.values)
        const byHead = eachHead.map(head =>
          tf.tensor3d(everyNth(logitGradient, head, heads), [batch.size, batch.candidates, 1]),
        )
        const gradients = backward(w, pass, byHead, tf.tensor2d(valueGradient, [batch.size, 1]))
        return Object.fromEntries(
          parameterNames.map(name => [name, gradients[name].dataSync<'float32'>().slice()]),
        ) as Record<ParameterName, Float32Array>
      }),
  }
}

/** What `tf.tidy` itself returns is searched for tensors, number by number. */
function tidy<T>(tf: TensorFlow['tf'], work: () => T): T {
  let made: { readonly result: T } | undefined
  tf.tidy(() => {
    made = { result: work() }
  })
  return made!.result
}

const everyNth = (values: Float32Array, from: number, step: number): Float32Array =>
  step === 1 ? values : Float32Array.from({ length: values.length / step }, (_, i) => values[from + i * step])
