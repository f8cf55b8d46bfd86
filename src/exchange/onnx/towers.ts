/**
 * The two towers as an ONNX model (onnx/onnx, onnx.proto3; IR version 8, operators of opset 13):
 *   state [batch, S], items [batch, candidates, I]  ->  logits [batch, candidates], value [batch]
 * with several heads logits [batch, candidates, heads],
 * so that other runtimes score what feedloop learned. Of `two-tower` that is the policy's head alone, as it serves. Numbers of fields are onnx.proto3's.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import { firstHead } from '../../learner/towers/heads.ts'
import {
  type ParameterName,
  type Parameters,
  parameterNames,
  parameterShapes,
  type Shape,
} from '../../learner/towers/parameters.ts'
import { decodeWeights } from '../../learner/towers/training.ts'
import { bytes, type Field, message, whole } from './protobuf.ts'

const IR_VERSION = 8
const OPSET = 13
const FLOAT = 1
const INT64 = 7

/** @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE for a version of another algorithm */
export function onnxOf(model: ModelVersion): Buffer {
  const network = decodeWeights(model)
  const { shape, weights } = model.algorithm === 'two-tower' ? firstHead(network) : network
  const metadata = { policy: model.policy, version: model.version, algorithm: model.algorithm }
  return Buffer.concat([
    whole(1, IR_VERSION),
    bytes(2, 'feedloop'),
    message(7, graph(shape, weights)),
    message(8, [bytes(1, ''), whole(2, OPSET)]),
    ...Object.entries(metadata).map(([key, value]) => message(14, [bytes(1, key), bytes(2, value)])),
  ])
}

/** GraphProto. */
function graph(shape: Shape, weights: Parameters): Field[] {
  const { heads = 1 } = shape
  return [
    ...nodes.map(fields => message(1, fields)),
    bytes(2, 'towers'),
    ...initializers(shape, weights).map(tensor => message(5, tensor)),
    message(11, valueInfo('state', ['batch', shape.stateDimensions])),
    message(11, valueInfo('items', ['batch', 'candidates', shape.itemDimensions])),
    message(12, valueInfo('logits', ['batch', 'candidates', ...(heads > 1 ? [heads] : [])])),
    message(12, valueInfo('value', ['batch'])),
  ]
}

/** NodeProto: `outputs = operator(inputs)`, without attributes. */
const node = (operator: string, inputs: readonly string[], output: string): Field[] => [
  ...inputs.map(name => bytes(1, name)),
  bytes(2, output),
  bytes(3, output),
  bytes(4, operator),
]

/** x W + b. */
const dense = (input: string, layer: 'user/hidden' | 'user/embedding' | 'item/hidden' | 'item/embedding' | 'value') => {
  const [weights, bias]: readonly ParameterName[] = [`${layer}/weights`, `${layer}/bias`]
  return [node('MatMul', [input, weights], `${layer}/product`), node('Add', [`${layer}/product`, bias], `${layer}/sum`)]
}

/** As createNetwork (src/learner/towers/network.ts) has it; candidates share the state's embedding as a row. */
const nodes: readonly Field[][] = [
  ...dense('state', 'user/hidden'),
  node('Relu', ['user/hidden/sum'], 'user/hidden/relu'),
  ...dense('user/hidden/relu', 'user/embedding'),
  ...dense('items', 'item/hidden'),
  node('Relu', ['item/hidden/sum'], 'item/hidden/relu'),
  ...dense('item/hidden/relu', 'item/embedding'),
  node('Unsqueeze', ['user/embedding/sum', 'axis of candidates'], 'user/row'),
  node('Mul', ['item/embedding/sum', 'user/row'], 'products'),
  node('Reshape', ['products', 'parts'], 'parts of heads'),
  node('ReduceSum', ['parts of heads', 'axis of parts'], 'sums'),
  node('Squeeze', ['sums', 'axes of one'], 'dots'),
  node('Mul', ['dots', 'scale'], 'logits'),
  ...dense('user/hidden/relu', 'value'),
  node('Squeeze', ['value/sum', 'axis of candidates'], 'value'),
]

/** TensorProto of all parameters and constants. A size of 0 in `parts` is that of what is reshaped. */
function initializers(shape: Shape, weights: Parameters): Field[][] {
  const { heads = 1, embedding } = shape
  const shapes = parameterShapes(shape)
  return [
    ...parameterNames.map(name => tensor(name, shapes[name], FLOAT, rawOf(weights[name]))),
    tensor('scale', [], FLOAT, rawOf(Float32Array.of(1 / Math.sqrt(embedding)))),
    wholes('axis of candidates', [1]),
    wholes('parts', [0, 0, heads, embedding]),
    wholes('axis of parts', [3]),
    wholes('axes of one', heads > 1 ? [3] : [2, 3]),
  ]
}

const wholes = (name: string, values: readonly number[]): Field[] =>
  tensor(name, [values.length], INT64, Buffer.from(BigInt64Array.from(values, BigInt).buffer))

const tensor = (name: string, dimensions: readonly number[], type: number, raw: Buffer): Field[] => [
  ...dimensions.map(size => whole(1, size)),
  whole(2, type),
  bytes(8, name),
  bytes(9, raw),
]

const rawOf = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength)

/** ValueInfoProto of float32s: a dimension is a size, or a name where any size goes. */
const valueInfo = (name: string, dimensions: readonly (number | string)[]): Field[] => [
  bytes(1, name),
  message(2, [message(1, [whole(1, FLOAT), message(2, dimensions.map(dimension))])]),
]

const dimension = (size: number | string): Field =>
  message(1, [typeof size === 'number' ? whole(1, size) : bytes(2, size)])
