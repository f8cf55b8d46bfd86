/**
 * Reading the sums of the linear-Gaussian learner. Per item the posterior is N(θ, σ² Λ⁻¹) with Λ = s A + Λ₀ = L Lᵀ and
 * θ = Λ⁻¹ (s b + Λ₀ m): a ridge regression drawn towards the mean m that items have in common (prior.ts), where s is
 * the decay's reading scale, b the components' sums weighted by the configured weights, and σ² the noise that the
 * regressions leave (moments.ts). Factors are made when an item is first read, and kept while its block and the prior last.
 */
import type { Panels } from '../../models/deviations/lengths.ts'
import { axisOf } from './axis.ts'
import type { Block, Factor } from './block.ts'
import type { FeatureMap } from './features.ts'
import { addLikeness, type Likeness } from './likeness.ts'
import { addScaled, cholesky, dot, packedLength, solveLower, solveUpper } from './matrix.ts'
import { type Moments, noiseVariance, sumOfSquares } from './moments.ts'

/** θ_a ~ N(mean, σ² diag(precision)⁻¹) before anything was seen of item a. Never changed once made. */
export interface Prior {
  /** m, length d. */
  readonly mean: Float64Array
  /** The diagonal of Λ₀, length d, all > 0: in units of decisions. */
  readonly precision: Float64Array
  /** w: what an item's vector says, z, moves the mean of its bias by wᵀz (content.ts); absent: vectors say nothing. */
  readonly content?: Float64Array
  /** What it says of whom the item suits; absent: nothing. */
  readonly likeness?: Likeness
}

export interface Posterior {
  readonly theta: Float64Array
  /** The part of Σ w r² that it explains: θᵀΛθ - mᵀΛ₀m, with m the item's. */
  readonly explained: number
  readonly factor: Float64Array
  /** u (axis.ts). */
  readonly axis: Float64Array
  /** The factor for serving (src/models/deviations), once that was needed. */
  panels?: Panels
  /** Where θ and u stand for serving (src/models/products.ts), once they were asked for. */
  line?: number
  /** The arm's. */
  readonly asked?: Asked
}

/** An item's sums, with its posterior once that was needed. */
export interface Arm {
  readonly block: Block
  posterior?: Posterior
  /** Revision of the block, and the reading's prior, that the posterior was made from. */
  revision?: number
  prior?: Prior
  /** The same one for all versions of the item's arm. */
  asked?: Asked
}

/** What decisions in this process have asked of an item. */
export interface Asked {
  /** Number of the last one that looked at it. */
  last: number
}

/** What all arms of a version share; a change of any makes kept posteriors useless. */
export interface Reading {
  readonly map: FeatureMap
  readonly prior: Prior
  readonly scale: number
  /** Weight of each reward component in the scalar reward, by component index. */
  readonly weights: readonly number[]
}

/** The arm's posterior, made once a state of its block and of the prior. */
export function posteriorOf(arm: Arm, reading: Reading): Posterior {
  const { block } = arm
  const { prior } = reading
  if (arm.posterior && arm.revision === block.revision && arm.prior === prior) return arm.posterior
  const factor = factorOf(block, reading)
  const sums = scalarSums(block, reading)
  const mean = ownMean(prior, block)
  for (let i = 0; i < sums.length; i++) sums[i] += prior.precision[i] * mean[i]
  const theta = new Float64Array(sums.length)
  solveLower(factor, sums, theta)
  solveUpper(factor, theta, theta)
  let assumed = 0
  for (let i = 0; i < theta.length; i++) assumed += prior.precision[i] * mean[i] ** 2
  const { asked } = arm
  const axis = axisOf(factor, prior.precision)
  arm.posterior = { theta, factor, axis, explained: dot(sums, theta) - assumed, asked }
  arm.revision = block.revision
  arm.prior = prior
  return arm.posterior
}

/** The mean of an item's own prior: the common one, moved by what its vector foretells. */
export function ownMean({ mean, likeness }: Prior, { offset, vector }: Block): Float64Array {
  const own = mean.slice()
  own[0] += offset
  addLikeness(likeness, vector, own)
  return own
}

/** s b of the scalar reward. */
export function scalarSums({ b }: Block, { map, scale, weights }: Reading): Float64Array {
  const sums = new Float64Array(map.dimensions)
  b.forEach((component, index) => {
    addScaled(sums, component, scale * (weights[index] ?? 0))
  })
  return sums
}

/** The block's factor where it fits the reading, else a new one, left there. */
function factorOf(block: Block, { map, prior, scale }: Reading): Float64Array {
  const kept: Factor | undefined = block.factor
  if (kept && kept.prior === prior && kept.scale === scale) return kept.values
  const d = map.dimensions
  const values = new Float64Array(packedLength(d))
  // sums of very unlike sizes can round A a hair below semidefinite; a ridge at that scale repairs it
  let ridge = prior.precision
  for (let more = 1e-12 * scale * largestDiagonal(block.a, d); !cholesky(block.a, d, scale, ridge, values); more *= 2)
    ridge = prior.precision.map(value => value + more)
  block.factor = { values, prior, scale }
  return values
}

function largestDiagonal(a: Float64Array, d: number): number {
  let largest = 0
  for (let i = 0; i < d; i++) largest = Math.max(largest, a[packedLength(i + 1) - 1])
  return largest
}

/** The noise is estimated with the posteriors of so many items, the most seen: the others count as if they explained
 * nothing, which errs on the side of exploring. */
export const NOISE_ITEMS = 512

/** σ of a version. A posterior made for it is kept, so it costs nothing that scoring the same items would not.
 * @param sample the arms that it is estimated with */
export function noiseOf(
  moments: Moments,
  arms: ReadonlyMap<string, Arm>,
  reading: Reading,
  sample = mostSeen(arms, NOISE_ITEMS),
): number {
  let explained = 0
  for (const [, arm] of sample) explained += posteriorOf(arm, reading).explained
  const squares = reading.scale * sumOfSquares(moments, reading.weights)
  return Math.sqrt(noiseVariance(squares, explained, reading.scale * moments.weight))
}

/** Up to `limit` arms, all in their order when they are no more. */
export function mostSeen(arms: ReadonlyMap<string, Arm>, limit: number): [string, Arm][] {
  if (arms.size <= limit) return [...arms]
  const least = Float64Array.from(arms.values(), ({ block }) => block.seen).sort()[arms.size - limit]
  const items = [...arms].filter(([, { block }]) => block.seen >= least)
  items.sort(([idA, a], [idB, b]) => b.block.seen - a.block.seen || (idA < idB ? -1 : 1)).length = limit
  return items
}
