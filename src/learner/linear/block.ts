/**
 * The sufficient statistics of one item: A = Σ w φφᵀ without the prior (added when read) and, for each reward
 * component, b = Σ w r φ. Only sums, so that revisions commute; this is the master from which factors are made.
 * As a tensor: [seen, sinceMs, lastMs, A packed, b of component 0, b of component 1 …], float64.
 */
import type { Tensor } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { decodeTensor, encodeTensor } from '../tensors.ts'
import { addOuter, packedLength, updateCholesky } from './matrix.ts'
import type { Prior } from './posterior.ts'

export interface Block {
  /** Decisions in it. */
  seen: number
  /** Only decisions after this time belong to it, ms: what came before was evicted with an earlier block. */
  readonly sinceMs: number
  /** Newest decision in it, ms. */
  lastMs: number
  readonly a: Float64Array
  /** By component index. */
  readonly b: Float64Array[]
  /** The item's vector z, where one is known, and what is added to the prior mean of its bias for it (content.ts). */
  content?: Float64Array
  offset: number
  /** The item's vector v, where the state holds a history: moves the prior mean on that (likeness.ts). */
  vector?: Float32Array
  /** Rises with every change: what was derived from an older state is stale. */
  revision: number
  /** Cholesky factor of scale A + Λ₀, where somebody made it: the learner carries it on by rank-1 updates. */
  factor?: Factor
}

export interface Factor {
  readonly values: Float64Array
  readonly scale: number
  readonly prior: Prior
}

const HEADER = 3
const PREFIX = 'item/'

export const blockName = (itemId: string): string => PREFIX + itemId
/** The item of a block tensor; undefined for other tensors. */
export const itemOfBlock = (name: string): string | undefined =>
  name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined

/** Bytes that a block takes in a checkpoint, about. */
export const blockBytes = (d: number, components: number): number =>
  8 * (HEADER + packedLength(d) + components * d) + 64

/** @param spare memory of an A that nobody needs any more */
export const createBlock = (d: number, sinceMs: number, spare?: Float64Array): Block => ({
  seen: 0,
  sinceMs,
  lastMs: sinceMs,
  a: spare?.fill(0) ?? new Float64Array(packedLength(d)),
  b: [],
  offset: 0,
  revision: 0,
})

/** b of a component, made when first needed. */
export function componentOf(block: Block, index: number, d: number): Float64Array {
  while (block.b.length <= index) block.b.push(new Float64Array(d))
  return block.b[index]
}

/** A += weight φφᵀ, the factor with it. */
export function addDecision(block: Block, phi: Float64Array, weight: number): void {
  addOuter(block.a, phi, weight)
  block.seen++
  block.revision++
  if (!block.factor) return
  const root = Math.sqrt(weight * block.factor.scale)
  const scaled = phi.map(value => root * value)
  if (!updateCholesky(block.factor.values, scaled, 1)) block.factor = undefined
}

export function encodeBlock(itemId: string, block: Block): Tensor {
  const d = block.b[0]?.length ?? 0
  const values = new Float64Array(HEADER + block.a.length + block.b.length * d)
  values[0] = block.seen
  values[1] = block.sinceMs
  values[2] = block.lastMs
  values.set(block.a, HEADER)
  block.b.forEach((b, index) => {
    values.set(b, HEADER + block.a.length + index * d)
  })
  return encodeTensor(blockName(itemId), values)
}

/** @throws FeedloopError MODEL_INCOMPATIBLE when the tensor is not a block of dimension d */
export function decodeBlock(tensor: Tensor, d: number): Block {
  const values = decodeTensor(tensor, 'float64')
  const rest = values.length - HEADER - packedLength(d)
  if (rest < 0 || rest % d !== 0)
    throw new FeedloopError('MODEL_INCOMPATIBLE', `tensor ${tensor.name} is no block of ${d} dimensions`)
  const end = HEADER + packedLength(d)
  const b = Array.from({ length: rest / d }, (_, index) => values.subarray(end + index * d, end + (index + 1) * d))
  const a = values.subarray(HEADER, end)
  return { seen: values[0], sinceMs: values[1], lastMs: values[2], a, b, offset: 0, revision: 0 }
}

/** Multiplies all sums: a power of two loses nothing. */
export function scaleBlock(block: Block, factor: number): void {
  for (const sums of [block.a, ...block.b]) for (let i = 0; i < sums.length; i++) sums[i] *= factor
  block.factor = undefined
  block.revision++
}
