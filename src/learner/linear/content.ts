/**
 * What an item's content (text, attributes) says of its reward before anybody was shown it: the prior mean of the item's bias
 * is the common one plus an offset wᵀz. z is the item's vector beside its id: in a hashed vector the ids' parts, which say
 * nothing of each other, are longer than what the texts have in common (docs/learning.md). w is a ridge regression, with
 * precision κ, of what the items' own decisions say of their biases (y, each as certain as it is): empirical Bayes with item
 * features (Agarwal & Chen 2009, "Regression-based latent factor models"). κ is the one of a few that foretells each item best
 * from the others; where that saves less of the squared error than its standard error there are no offsets (Breiman et al. 1984,
 * "Classification and regression trees", 3.4). An item that took part gets what the OTHERS say of it, e_a = (y_a - wᵀz_a) / (1 - h_a)
 * away from y_a (Allen 1974, PRESS), else its own decisions would count twice.
 */
import type { Tensor } from '../../../schemas/records.ts'
import { idVector } from '../../features/hashed.ts'
import { decodeTensor, encodeTensor } from '../tensors.ts'
import { addOuter, addScaled, cholesky, dot, packedLength, solveLower, solveUpper } from './matrix.ts'

/** An item's bias by its own decisions alone, less the common mean. */
export interface Biased {
  readonly content: Float64Array
  readonly value: number
  /** In decisions. */
  readonly weight: number
}

export interface ContentFit {
  /** w, as long as an item's vector. */
  readonly weights: Float64Array
  /** By item, from the others. */
  readonly offsets: readonly number[]
}

/** An item with a vector that is shorter than this beside its id has no content. */
const NOTHING = 1e-3

/** z: the item's vector v less its projection on the id's direction u, (v - (vᵀu) u) scaled to length 1; undefined where nothing
 * is left. Of a vector that holds no id this takes one part in its dimensions. */
export function contentOf(itemId: string, vector: Float32Array): Float64Array | undefined {
  const id = Float64Array.from(idVector(itemId, vector.length))
  const z = Float64Array.from(vector)
  addScaled(z, id, -dot(z, id) / dot(id, id))
  const length = Math.sqrt(dot(z, z))
  return length > NOTHING ? z.map(value => value / length) : undefined
}

/** wᵀz of an item; 0 where vectors say nothing. @param weights w */
export function offsetOf(weights: Float64Array | undefined, itemId: string, vector: Float32Array | undefined): number {
  if (!weights || vector?.length !== weights.length) return 0
  const content = contentOf(itemId, vector)
  return content ? dot(weights, content) : 0
}

/** κ, in units of the precision of biases around their mean. */
const RIDGES = [0.25, 1, 4, 16]
const LEAST_ITEMS = 8
/** Part of the squared error below which what is saved is rounding. */
const ROUNDING = 1e-9

/** @param precision of biases around their mean, in decisions
 * @returns undefined where contents do not foretell the items better, by a standard error, than nothing does */
export function fitContent(items: readonly Biased[], precision: number): ContentFit | undefined {
  if (items.length < LEAST_ITEMS) return undefined
  const fits = RIDGES.map(ridge => fitRidge(items, ridge * precision))
  const best = fits.reduce((least, fit) => (sum(fit.saved) > sum(least.saved) ? fit : least))
  const mean = sum(best.saved) / items.length
  const error = Math.sqrt(sum(best.saved.map(saved => (saved - mean) ** 2)))
  const squares = sum(items.map(({ value, weight }) => weight * value ** 2))
  return sum(best.saved) > error + ROUNDING * squares ? best : undefined
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** @returns the fit, and by item what it saves of the squared error, in decisions */
function fitRidge(items: readonly Biased[], ridge: number): ContentFit & { readonly saved: readonly number[] } {
  const k = items[0].content.length
  const information = new Float64Array(packedLength(k))
  const weights = new Float64Array(k)
  for (const { content, value, weight } of items) {
    addOuter(information, content, weight)
    addScaled(weights, content, weight * value)
  }
  const factor = new Float64Array(packedLength(k))
  cholesky(information, k, 1, ridge, factor)
  solveLower(factor, weights, weights)
  solveUpper(factor, weights, weights)
  const solved = new Float64Array(k)
  const missed = items.map(({ content, value, weight }) => {
    solveLower(factor, content, solved)
    return (value - dot(weights, content)) / Math.max(1e-6, 1 - weight * dot(solved, solved))
  })
  const offsets = items.map(({ value }, i) => value - missed[i])
  return { weights, offsets, saved: items.map(({ value, weight }, i) => weight * (value ** 2 - missed[i] ** 2)) }
}

const PREFIX = 'content/'

export const contentName = (itemId: string): string => PREFIX + itemId
/** The item of a content tensor; undefined for other tensors. */
export const itemOfContent = (name: string): string | undefined =>
  name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined

/** Bytes that an item's content takes in a checkpoint, about. */
export const contentBytes = (length: number): number => (length === 0 ? 0 : 8 * (1 + length) + 64)

/** [offset, z]. */
export const encodeContent = (itemId: string, content: Float64Array, offset: number): Tensor =>
  encodeTensor(contentName(itemId), Float64Array.of(offset, ...content))

/** @throws FeedloopError MODEL_INCOMPATIBLE */
export function decodeContent(tensor: Tensor): { content: Float64Array; offset: number } {
  const values = decodeTensor(tensor, 'float64')
  return { content: values.subarray(1), offset: values[0] }
}
