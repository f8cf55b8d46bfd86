/**
 * The two towers in TensorFlow.js: outputs of a batch and gradients of the parameters. Written so that the WebAssembly backend is
 * fast, which the stock gradients are not: its matMul is ten times slower for transposed operands, a sum over the first axis
 * ten times slower than a product with ones, and a comparison than `step`. Items' embeddings are never made (scoring.ts).
 */
import type { Tensor2D, Tensor as TfTensor } from '@tensorflow/tfjs'
import type { TensorFlow } from '../tensorflow.ts'
import { headOf, interleaved } from './heads.ts'
import { type ParameterName, type Parameters, parameterNames, parameterShapes, type Shape } from './parameters.ts'
import { byRows, type Scoring, shared } from './scoring.ts'

/** Biases have one dimension. */
type Tensors = Readonly<Record<ParameterName, Tensor2D>>

export interface NetworkBatch {
  /** [B, state dimensions]. */
  readonly states: Float32Array
  /** [B, K, item dimensions]; padding is zeros. With an index: every item once. */
  readonly items: Float32Array
  /** Which of the items each candidate is, [B, K]; padding is any. */
  readonly index?: Int32Array
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
  /** One row an item, item dimensions long. */
  readonly items: Tensor2D
  /** [B, hidden]. */
  readonly userHidden: Tensor2D
  /** One row an item, hidden long. */
  readonly itemHidden: Tensor2D
  readonly scoring: Scoring
  /** By head u / √embedding, [B, embedding], and W u / √embedding, [B, hidden]. */
  readonly asked: readonly { readonly user: Tensor2D; readonly item: Tensor2D }[]
  readonly logits: Float32Array
  readonly values: Float32Array
}

export function createNetwork({ tf, backend }: TensorFlow, shape: Shape): Network {
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
  const times = (a: TfTensor, b: TfTensor): Tensor2D => tf.matMul(a as Tensor2D, b as Tensor2D)
  /** 1 where a unit is active, of outputs of relu: `step` costs native 16 times what `sign` does, which WebAssembly has the slower. */
  const active = backend === 'native' ? tf.sign : tf.step
  /** Sum of the rows, [1, columns]. */
  const total = (rows: Tensor2D): Tensor2D => times(tf.ones([1, rows.shape[0]]), rows)

  function forward(w: Tensors, { states: s, items: x, index, size, candidates }: NetworkBatch): Pass {
    const states = tf.tensor2d(s, [size, shape.stateDimensions])
    const items = tf.tensor2d(x, [x.length / shape.itemDimensions, shape.itemDimensions])
    const userHidden = layer(states, w['user/hidden/weights'], w['user/hidden/bias'], 'relu')
    const user = tf.mul(layer(userHidden, w['user/embedding/weights'], w['user/embedding/bias']), scale) as Tensor2D
    const itemHidden = layer(items, w['item/hidden/weights'], w['item/hidden/bias'], 'relu')
    const scoring = index ? shared(tf, itemHidden, index, size) : byRows(tf, itemHidden, size, candidates)
    const asked = eachHead.map(head => {
      const own = ofHead(user, head)
      return { user: own, item: times(own, tf.transpose(ofHead(w['item/embedding/weights'], head))) }
    })
    const bias = tf.reshape(w['item/embedding/bias'], [heads, embedding])
    const logits = asked.map((each, head) => {
      const own = tf.reshape(tf.slice(bias, [head, 0], [1, embedding]), [embedding, 1])
      return scoring.logits(each.item, times(each.user, own))
    })
    return {
      states,
      items,
      userHidden,
      itemHidden,
      scoring,
      asked,
      logits: interleaved(logits),
      values: layer(userHidden, w['value/weights'], w['value/bias']).dataSync<'float32'>(),
    }
  }

  /** @param logitGradients by head, [B, K] @param valueGradient [B, 1] */
  function backward(
    w: Tensors,
    pass: Pass,
    logitGradients: readonly Float32Array[],
    valueGradient: Tensor2D,
  ): Record<ParameterName, TfTensor> {
    const { states, items, userHidden, itemHidden, scoring, asked } = pass
    const byHead = logitGradients.map((gradient, head) => {
      const own = scoring.gradients(gradient, asked[head].item)
      return {
        bias: times(tf.transpose(own.constant), asked[head].user),
        weights: times(tf.transpose(own.asked), asked[head].user),
        user: tf.add(
          times(own.asked, ofHead(w['item/embedding/weights'], head)),
          tf.mul(own.constant, tf.slice(w['item/embedding/bias'], [head * embedding], [embedding])),
        ),
        hidden: own.hidden,
      }
    })
    const joined = (part: 'bias' | 'weights' | 'user'): Tensor2D =>
      (heads === 1
        ? byHead[0][part]
        : tf.concat(
            byHead.map(each => each[part]),
            1,
          )) as Tensor2D
    const itemHiddenGradient = tf.mul(
      byHead.map(each => each.hidden).reduce((a, b) => tf.add(a, b)),
      active(itemHidden),
    )
    // matMul copies its second operand: better the smaller one, the items
    const itemColumns = tf.transpose(itemHiddenGradient) as Tensor2D
    const user = tf.mul(joined('user'), scale) as Tensor2D
    const userHiddenGradient = tf.mul(
      tf.add(
        times(user, tf.transpose(w['user/embedding/weights'])),
        tf.mul(valueGradient, tf.reshape(w['value/weights'], [1, hidden])),
      ),
      active(userHidden),
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
        const byHead = eachHead.map(head => headOf(logitGradient, head, heads))
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
