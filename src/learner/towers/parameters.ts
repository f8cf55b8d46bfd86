/**
 * The two-tower network's parameters, as plain arrays: the master that TensorFlow.js computes on and serving reads.
 *   user tower: h = relu(s W + b), u = h W' + b';  item tower likewise from the item's vector to v
 *   logit of a candidate = u·v / √embedding;  value of the state = h·w + c
 * With several heads u and v are as many embeddings side by side, and a candidate has a logit of each.
 */
import type { ModelVersion, Tensor } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { createRandom, seedOf } from '../../state/random.ts'
import { decodeTensor, encodeTensor } from '../tensors.ts'

export interface Shape {
  readonly stateDimensions: number
  readonly itemDimensions: number
  readonly hidden: number
  readonly embedding: number
  /** Logits of a candidate. Default 1. */
  readonly heads?: number
}

/** Dimensions of all heads' embeddings. */
const embeddings = ({ embedding, heads = 1 }: Shape): number => heads * embedding

export const parameterNames = [
  'user/hidden/weights',
  'user/hidden/bias',
  'user/embedding/weights',
  'user/embedding/bias',
  'item/hidden/weights',
  'item/hidden/bias',
  'item/embedding/weights',
  'item/embedding/bias',
  'value/weights',
  'value/bias',
] as const
export type ParameterName = (typeof parameterNames)[number]
export const valueHead = ['value/weights', 'value/bias'] as const satisfies readonly ParameterName[]
/** Logits are linear in them. */
export const stateEmbedding = [
  'user/embedding/weights',
  'user/embedding/bias',
] as const satisfies readonly ParameterName[]
/** One flat row-major array a parameter; weights are [inputs, outputs]. */
export type Parameters = Readonly<Record<ParameterName, Float32Array>>

export const parameterShapes = (shape: Shape): Readonly<Record<ParameterName, readonly number[]>> => ({
  'user/hidden/weights': [shape.stateDimensions, shape.hidden],
  'user/hidden/bias': [shape.hidden],
  'user/embedding/weights': [shape.hidden, embeddings(shape)],
  'user/embedding/bias': [embeddings(shape)],
  'item/hidden/weights': [shape.itemDimensions, shape.hidden],
  'item/hidden/bias': [shape.hidden],
  'item/embedding/weights': [shape.hidden, embeddings(shape)],
  'item/embedding/bias': [embeddings(shape)],
  'value/weights': [shape.hidden, 1],
  'value/bias': [1],
})

const mapParameters = (make: (name: ParameterName) => Float32Array): Parameters =>
  Object.fromEntries(parameterNames.map(name => [name, make(name)])) as Record<ParameterName, Float32Array>

export const copyParameters = (values: Parameters): Parameters => mapParameters(name => values[name].slice())

const sizeOf = (dimensions: readonly number[]): number => dimensions.reduce((product, size) => product * size, 1)

export function zeroParameters(shape: Shape): Parameters {
  const shapes = parameterShapes(shape)
  return mapParameters(name => new Float32Array(sizeOf(shapes[name])))
}

/** Uniform in ±√(6 / (inputs + outputs)) (Glorot & Bengio 2010); biases 0, and the value head 0, so that first
 * advantages are rewards and not noise. */
export function initialParameters(shape: Shape, seed: number): Parameters {
  const shapes = parameterShapes(shape)
  return mapParameters(name => {
    const dimensions = shapes[name]
    if (dimensions.length === 1 || name === 'value/weights') return new Float32Array(sizeOf(dimensions))
    const random = createRandom(seedOf(`${seed}/${name}`))
    const bound = Math.sqrt(6 / (dimensions[0] + dimensions[1]))
    return Float32Array.from({ length: sizeOf(dimensions) }, () => bound * (2 * random.uniform() - 1))
  })
}

/** Copies into one group of a checkpoint. */
export function encodeParameters(values: Parameters, group: string, shape: Shape): Tensor[] {
  const shapes = parameterShapes(shape)
  return parameterNames.map(name => encodeTensor(group + name, values[name].slice(), shapes[name]))
}

/** Reads one group (`weights/`, `adam/first/` …) of a checkpoint. @throws FeedloopError MODEL_INCOMPATIBLE */
export function decodeParameters(model: ModelVersion, group: string, shape: Shape): Parameters {
  const shapes = parameterShapes(shape)
  return mapParameters(name => {
    const tensor = model.tensors.find(each => each.name === group + name)
    const fits = tensor && tensor.shape.join() === shapes[name].join()
    if (!fits)
      throw new FeedloopError(
        'MODEL_INCOMPATIBLE',
        `version ${model.version}: tensor ${group}${name} is ${tensor ? tensor.shape.join('x') : 'absent'}, ` +
          `configured is ${shapes[name].join('x')}`,
      )
    return decodeTensor(tensor, 'float32')
  })
}
