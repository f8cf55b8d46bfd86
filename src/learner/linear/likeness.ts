/**
 * Likeness: what an item's vector v says of whom it suits. Where the state holds the mean x of the vectors in a person's
 * history, the prior mean of the item's coefficients on x is the common one plus c r, r = S v / |S v|, with S the covariance
 * of x over decisions: S v = cov(x, vᵀx) is what is found in a history together with the item. So from the first decision
 * on an item suits those who saw what goes with it, by as much as that counted for all items: one number c for all of
 * them, by generalised least squares with their own coefficients integrated out (prior.ts). A prior mean that is a
 * regression on the item's features: Agarwal & Chen 2009, "Regression-based latent factor models"; items alike by who saw
 * them: Sarwar et al. 2001, "Item-based collaborative filtering".
 */
import type { Tensor } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { decodeTensor, encodeTensor } from '../tensors.ts'
import type { Block } from './block.ts'
import { createByVector } from './by-vector.ts'
import type { NumberRange } from './features.ts'
import { dot, packedLength } from './matrix.ts'

export interface Likeness {
  /** Where x stands in φ. */
  readonly from: number
  /** c, in units of the reward. */
  readonly coefficient: number
  /** S, packed; as many rows as an item's vector is long. */
  readonly covariance: Float64Array
}

/** Rows of S. */
export const widthOf = ({ covariance }: Pick<Likeness, 'covariance'>): number =>
  Math.floor(Math.sqrt(2 * covariance.length))

/** Part of the second moments below which a covariance is their rounding. */
const ROUNDING = 1e-10

/** S of the decisions in these blocks; undefined before there are any. @param place of x in φ */
export function covarianceOf(blocks: Iterable<Block>, { from, count }: NumberRange): Float64Array | undefined {
  const squares = new Float64Array(packedLength(count))
  const sums = new Float64Array(count)
  let weight = 0
  for (const { a } of blocks) {
    weight += a[0]
    for (let i = 0, k = 0; i < count; i++) {
      const row = packedLength(from + i)
      sums[i] += a[row]
      for (let j = 0; j <= i; j++) squares[k++] += a[row + from + j]
    }
  }
  if (!(weight > 0)) return undefined
  const largest = Float64Array.from({ length: count }, (_, i) => Math.sqrt(squares[packedLength(i + 1) - 1] / weight))
  for (let i = 0, k = 0; i < count; i++)
    for (let j = 0; j <= i; j++, k++) {
      squares[k] = squares[k] / weight - (sums[i] / weight) * (sums[j] / weight)
      if (Math.abs(squares[k]) <= ROUNDING * largest[i] * largest[j]) squares[k] = 0
    }
  return squares
}

/** S x. Four rows at a time, so that the processor need not wait for one sum. @param matrix symmetric, packed; never changed afterwards */
export function multiply(matrix: Float64Array, x: ArrayLike<number>): Float64Array {
  const d = x.length
  const whole = unpacked(matrix, d)
  const out = new Float64Array(d + 3)
  const v = new Float64Array(x)
  for (let i = 0; i < d; i += 4) {
    let [s0, s1, s2, s3] = [0, 0, 0, 0]
    let row = i * d
    for (let j = 0; j < d; j++, row++) {
      const value = v[j]
      s0 += whole[row] * value
      s1 += whole[row + d] * value
      s2 += whole[row + 2 * d] * value
      s3 += whole[row + 3 * d] * value
    }
    out[i] = s0
    out[i + 1] = s1
    out[i + 2] = s2
    out[i + 3] = s3
  }
  return out.subarray(0, d)
}

const wholes = new WeakMap<Float64Array, Float64Array>()

/** All rows, and three of zeros. */
function unpacked(matrix: Float64Array, d: number): Float64Array {
  const known = wholes.get(matrix)
  if (known) return known
  const whole = new Float64Array(d * (d + 3))
  for (let i = 0, k = 0; i < d; i++)
    for (let j = 0; j <= i; j++, k++) {
      whole[i * d + j] = matrix[k]
      whole[j * d + i] = matrix[k]
    }
  wholes.set(matrix, whole)
  return whole
}

/** r of a vector; zeros where nothing goes with the item. */
export function directionOf(covariance: Float64Array, vector: Float32Array): Float64Array {
  const along = multiply(covariance, vector)
  const length = Math.sqrt(dot(along, along))
  return length > 0 ? along.map(value => value / length) : along
}

/** r of the items that have a block. */
const directions = createByVector<Likeness, Float64Array>()

/** Adds c r to the item's prior mean; nothing for a vector of another length. @param mean length d */
export function addLikeness(
  likeness: Likeness | undefined,
  vector: Float32Array | undefined,
  mean: Float64Array,
): void {
  if (!likeness || !vector || packedLength(vector.length) !== likeness.covariance.length) return
  const direction = directions(likeness, vector, () => directionOf(likeness.covariance, vector))
  for (let i = 0; i < direction.length; i++) mean[likeness.from + i] += likeness.coefficient * direction[i]
}

/** 1 / |S v|; 0 where nothing goes with the item, and for a vector of another length. */
export function inverseLength({ covariance }: Likeness, vector: Float32Array): number {
  if (packedLength(vector.length) !== covariance.length) return 0
  const along = multiply(covariance, vector)
  const length = Math.sqrt(dot(along, along))
  return length > 0 ? 1 / length : 0
}

export const likenessName = 'prior/likeness'
const PREFIX = 'vector/'

export const vectorName = (itemId: string): string => PREFIX + itemId
/** The item of a vector's tensor; undefined for other tensors. */
export const itemOfVector = (name: string): string | undefined =>
  name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined

export const encodeVector = (itemId: string, vector: Float32Array): Tensor => encodeTensor(vectorName(itemId), vector)
/** @throws FeedloopError MODEL_INCOMPATIBLE */
export const decodeVector = (tensor: Tensor): Float32Array => decodeTensor(tensor, 'float32')

/** Bytes that an item's vector takes in a checkpoint, about. */
export const vectorBytes = (length: number): number => (length === 0 ? 0 : 4 * length + 64)

/** Bytes of the likeness itself, about. */
export const likenessBytes = (length: number): number => 8 * packedLength(length)

/** [from, c, S]. */
export function encodeLikeness({ from, coefficient, covariance }: Likeness): Tensor {
  const values = new Float64Array(2 + covariance.length)
  values.set([from, coefficient])
  values.set(covariance, 2)
  return encodeTensor(likenessName, values)
}

/** @param d length of φ @throws FeedloopError MODEL_INCOMPATIBLE */
export function decodeLikeness(tensor: Tensor, d: number): Likeness {
  const values = decodeTensor(tensor, 'float64')
  const [from, coefficient] = values
  const covariance = values.slice(2)
  const count = widthOf({ covariance })
  if (packedLength(count) !== covariance.length || !(from >= 0 && from + count <= d))
    throw new FeedloopError('MODEL_INCOMPATIBLE', `tensor ${likenessName} does not fit ${d} dimensions`)
  return { from, coefficient, covariance }
}
