/**
 * Serving of linear-Gaussian versions: per item the posterior N(θ, σ² Λ⁻¹) with Λ = s A + λI = L Lᵀ and θ = Λ⁻¹ s b, where
 * s is the decay's reading scale, b the components' sums weighted by the *configured* weights, and σ² the noise that the
 * regressions leave (src/learner/linear/moments.ts). A candidate's expected reward is θᵀφ, its standard deviation σ ‖L⁻¹φ‖, with φ the version's own
 * feature map of the state. An item without a block has the prior: 0 and σ ‖φ‖/√λ.
 * The published sums are the learner's master; factors are made here when an item is first scored, and kept from
 * version to version while the item's block does not change, so a load costs a copy of the changed blocks only.
 */
import type { ModelVersion, Tensor } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'
import { type Block, decodeBlock, type Factor, itemOfBlock } from '../learner/linear/block.ts'
import { decodeFeatureMap } from '../learner/linear/feature-tensors.ts'
import type { FeatureMap } from '../learner/linear/features.ts'
import { componentsOf } from '../learner/linear/learner.ts'
import { addScaled, cholesky, dot, packedLength, solveLower, solveUpper } from '../learner/linear/matrix.ts'
import { decodeMoments, type Moments, noiseVariance, sumOfSquares } from '../learner/linear/moments.ts'
import { isFiniteArray } from '../learner/tensors.ts'
import type { Random } from '../state/random.ts'
import type { CandidateVectors, Policy, Scorer } from './policy.ts'

/** Weight of each reward component in the scalar reward. */
export type ComponentWeights = (component: string) => number

interface Posterior {
  readonly theta: Float64Array
  /** bᵀθ: the part of Σ w r² that it explains. */
  readonly explained: number
  readonly factor: Float64Array
}

/** An item's sums, with its posterior once that was needed. */
export interface Arm {
  readonly block: Block
  posterior?: Posterior
  /** Revision of the block that the posterior was made from. */
  revision?: number
}

/** What all arms of a version share; a change of any makes kept posteriors useless. */
export interface Reading {
  readonly map: FeatureMap
  readonly lambda: number
  readonly scale: number
  /** By component index. */
  readonly weights: readonly number[]
}

export interface Version {
  readonly version: string
  readonly reading: Reading
  /** σ. */
  readonly noise: number
  readonly arms: ReadonlyMap<string, Arm>
}

/** A loaded policy's version, from which the next increment goes on. */
const versions = new WeakMap<Policy, Version>()

/**
 * @param base the policy of `model.base_version`; not looked at for a full checkpoint
 * @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE
 */
export function loadLinear(model: ModelVersion, base: Policy | undefined, weightOf: ComponentWeights): Policy {
  const before = base && versions.get(base)
  const reading = readingOf(model, before?.reading.map, weightOf)
  const arms = new Map<string, Arm>()
  if (model.base_version !== null)
    for (const [itemId, arm] of before!.arms) arms.set(itemId, carried(arm, before!.reading, reading))
  for (const tensor of model.tensors) {
    const itemId = itemOfBlock(tensor.name)
    if (itemId === undefined) continue
    if (tensor.data.length === 0) arms.delete(itemId)
    else arms.set(itemId, { block: finiteBlock(model, tensor, reading.map.dimensions) })
  }
  const noise = noiseOf(decodeMoments(model.parameters), arms, reading)
  const version = { version: model.version, reading, noise, arms }
  const policy: Policy = {
    version: model.version,
    algorithm: model.algorithm,
    knownItems: limit => [...arms.keys().take(limit)],
    scorer: (state, candidates) => scoreCandidates(version, state, candidates),
  }
  versions.set(policy, version)
  return policy
}

/** @param map of the base version: an increment has the same */
function readingOf(model: ModelVersion, map: FeatureMap | undefined, weightOf: ComponentWeights): Reading {
  const { dimensions, prior_precision, read_scale } = model.parameters
  if (!(Number.isInteger(dimensions) && dimensions > 0 && prior_precision > 0 && Number.isFinite(read_scale)))
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: parameters of another algorithm`)
  const weights = componentsOf(model.parameters).map(([component]) => weightOf(component))
  const same = model.base_version === null ? undefined : map
  return { map: same ?? decodeFeatureMap(model), lambda: prior_precision, scale: read_scale, weights }
}

function finiteBlock(model: ModelVersion, tensor: Tensor, d: number): Block {
  const block = decodeBlock(tensor, d)
  if (!isFiniteArray(block.a) || !block.b.every(isFiniteArray))
    throw new FeedloopError('MODEL_NOT_FINITE', `version ${model.version}, tensor ${tensor.name}`)
  return block
}

function carried(arm: Arm, before: Reading, now: Reading): Arm {
  const same =
    before.lambda === now.lambda &&
    before.scale === now.scale &&
    arm.block.b.every((_, index) => before.weights[index] === now.weights[index])
  return same ? arm : { block: arm.block }
}

/** The noise is estimated with the posteriors of so many items, the most seen: the others count as if they explained
 * nothing, which errs on the side of exploring. */
const NOISE_ITEMS = 512

/** σ of a version. A posterior made for it is kept, so it costs nothing that scoring the same items would not. */
export function noiseOf(moments: Moments, arms: ReadonlyMap<string, Arm>, reading: Reading): number {
  const items = [...arms]
  if (items.length > NOISE_ITEMS)
    items.sort(([idA, a], [idB, b]) => b.block.seen - a.block.seen || (idA < idB ? -1 : 1)).length = NOISE_ITEMS
  const explained = items.reduce((sum, [, arm]) => sum + posteriorOf(arm, reading).explained, 0)
  const squares = reading.scale * sumOfSquares(moments, reading.weights)
  return Math.sqrt(noiseVariance(squares, explained, reading.scale * moments.weight))
}

/** The arm's posterior, made once a state of its block. */
function posteriorOf(arm: Arm, reading: Reading): Posterior {
  const { block } = arm
  if (arm.posterior && arm.revision === block.revision) return arm.posterior
  const factor = factorOf(block, reading)
  const theta = new Float64Array(reading.map.dimensions)
  block.b.forEach((b, index) => {
    addScaled(theta, b, reading.scale * (reading.weights[index] ?? 0))
  })
  const sums = theta.slice()
  solveLower(factor, theta, theta)
  solveUpper(factor, theta, theta)
  arm.posterior = { theta, factor, explained: dot(sums, theta) }
  arm.revision = block.revision
  return arm.posterior
}

/** The block's factor where it fits the reading, else a new one, left there. */
function factorOf(block: Block, { map, lambda, scale }: Reading): Float64Array {
  const kept: Factor | undefined = block.factor
  if (kept && kept.lambda === lambda && kept.scale === scale) return kept.values
  const d = map.dimensions
  const values = new Float64Array(packedLength(d))
  // sums of very unlike sizes can round A a hair below semidefinite; a ridge at that scale repairs it
  let ridge = lambda
  while (!cholesky(block.a, d, scale, ridge, values)) ridge = ridge * 2 + 1e-12 * scale * largestDiagonal(block.a, d)
  block.factor = { values, lambda, scale }
  return values
}

function largestDiagonal(a: Float64Array, d: number): number {
  let largest = 0
  for (let i = 0; i < d; i++) largest = Math.max(largest, a[packedLength(i + 1) - 1])
  return largest
}

/** @throws FeedloopError MODEL_INCOMPATIBLE for a state of other dimensions */
export function scoreCandidates(version: Version, state: Float64Array, { itemIds }: CandidateVectors): Scorer {
  const { reading, noise, arms } = version
  const { stateDimensions } = reading.map.options
  if (state.length !== stateDimensions)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${version.version} scores states of ${stateDimensions} dimensions, not ${state.length}`,
    )
  const phi = reading.map.apply(state)
  const known = itemIds.map(itemId => {
    const arm = arms.get(itemId)
    return arm && posteriorOf(arm, reading)
  })
  const mean = Float64Array.from(known, posterior => (posterior ? dot(posterior.theta, phi) : 0))
  let deviation: Float64Array | undefined
  const deviations = () => {
    deviation ??= deviationsOf(known, phi, reading.lambda, noise)
    return deviation
  }
  return {
    mean,
    get deviation() {
      return deviations()
    },
    draw(random: Random, alpha: number, out: Float64Array) {
      const spread = deviations()
      for (let k = 0; k < mean.length; k++) out[k] = mean[k] + alpha * spread[k] * random.normal()
    },
  }
}

function deviationsOf(
  known: readonly (Posterior | undefined)[],
  phi: Float64Array,
  lambda: number,
  noise: number,
): Float64Array {
  const solved = new Float64Array(phi.length)
  return Float64Array.from(known, posterior => {
    if (!posterior) return noise * Math.sqrt(dot(phi, phi) / lambda)
    solveLower(posterior.factor, phi, solved)
    return noise * Math.sqrt(dot(solved, solved))
  })
}
