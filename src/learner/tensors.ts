/**
 * Checkpoint tensors as typed arrays. Little-endian as the machines we run on; a checkpoint is a map of tensors by name.
 * An increment lists only tensors that changed since its base version; an *empty* tensor (shape [0]) removes the name.
 */
import type { ModelVersion, Tensor } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'

type Numbers = Float64Array | Float32Array | Int32Array
const arrays = { float64: Float64Array, float32: Float32Array, int32: Int32Array } as const

/** The array's own memory is lent, not copied: hand in one that nobody writes to any more. */
export function encodeTensor(name: string, values: Numbers, shape: readonly number[] = [values.length]): Tensor {
  const dtype = values instanceof Float64Array ? 'float64' : values instanceof Float32Array ? 'float32' : 'int32'
  return { name, shape, dtype, data: Buffer.from(values.buffer, values.byteOffset, values.byteLength), chunks: [] }
}

export const removedTensor = (name: string): Tensor => encodeTensor(name, new Float64Array(0))

/** A copy of the tensor's elements. @throws FeedloopError MODEL_INCOMPATIBLE on a wrong type or size */
export function decodeTensor(tensor: Tensor, dtype: 'float64'): Float64Array
export function decodeTensor(tensor: Tensor, dtype: 'float32'): Float32Array
export function decodeTensor(tensor: Tensor, dtype: 'int32'): Int32Array
export function decodeTensor(tensor: Tensor, dtype: Tensor['dtype']): Numbers {
  const array = arrays[dtype]
  const length = tensor.shape.reduce((product, size) => product * size, 1)
  if (tensor.dtype !== dtype || tensor.data.length !== length * array.BYTES_PER_ELEMENT)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `tensor ${tensor.name}: ${tensor.data.length} bytes of ${tensor.dtype} for ${tensor.shape.join('x')} ${dtype}`,
    )
  const copy = new Uint8Array(tensor.data.length)
  copy.set(tensor.data)
  return new array(copy.buffer)
}

export function isFiniteArray(values: ArrayLike<number>): boolean {
  // the sum of values - values is 0 for finite numbers only: one pass without a branch an element
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] - values[i]
  return sum === 0
}

/** @throws FeedloopError MODEL_NOT_FINITE naming the tensor */
export function assertFinite(version: string, tensors: readonly Tensor[]): void {
  for (const tensor of tensors) {
    if (tensor.dtype === 'int32') continue
    const values = tensor.dtype === 'float64' ? decodeTensor(tensor, 'float64') : decodeTensor(tensor, 'float32')
    if (!isFiniteArray(values)) throw new FeedloopError('MODEL_NOT_FINITE', `version ${version}, tensor ${tensor.name}`)
  }
}

/** @throws FeedloopError MODEL_NOT_FINITE naming the parameter */
export function assertFiniteParameters(version: string, parameters: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(parameters))
    if (!Number.isFinite(value)) throw new FeedloopError('MODEL_NOT_FINITE', `version ${version}, parameter ${name}`)
}

/** A version with all its tensors, increments merged. */
export interface Merged {
  readonly model: ModelVersion
  readonly tensors: ReadonlyMap<string, Tensor>
}

/** Lays a version over the one that it builds on.
 * @throws FeedloopError MODEL_INCOMPATIBLE when `before` is not its base version */
export function mergeVersion(before: Merged | undefined, model: ModelVersion): Merged {
  if (model.base_version !== null && before?.model.version !== model.base_version)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${model.version} builds on ${model.base_version}, which is not known here: wait for a full checkpoint`,
    )
  const tensors = new Map(model.base_version === null ? [] : before!.tensors)
  // a tensor that went and came again stands last, as in the learner that made it
  const isRemoval = ({ data, chunks }: Tensor): boolean => data.length === 0 && chunks.length === 0
  for (const tensor of model.tensors.filter(isRemoval)) tensors.delete(tensor.name)
  for (const tensor of model.tensors.filter(each => !isRemoval(each))) tensors.set(tensor.name, tensor)
  return { model, tensors }
}

/** The merged version as one full checkpoint. */
export const asFull = (merged: Merged): ModelVersion => ({
  ...merged.model,
  base_version: null,
  tensors: [...merged.tensors.values()],
})
