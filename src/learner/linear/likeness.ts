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

/** S x. @param matrix symmetric, packed */
export function multiply(matrix: Float64Array, x: ArrayLike<number>): Float64Array {
  const out = new Float64Array(x.length)
  for (let i = 0, row = 0; i < x.length; row += ++i) {
    for (let j = 0; j < i; j++) {
      out[i] += matrix[row + j] * x[j]
      out[j] += matrix[row + j] * x[i]
    }
    out[i] += matrix[row + i] * x[i]
  }
  return out
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
