/**
 * Serving of linear-Gaussian versions: per item the posterior N(θ, Λ⁻¹) with Λ = s A + λI = L Lᵀ and θ = Λ⁻¹ s b, where
 * s is the decay's reading scale and b the components' sums weighted by the *configured* weights. A candidate's expected
 * reward is θᵀx, its standard deviation ‖L⁻¹x‖. An item without a block has the prior: 0 and ‖x‖/√λ.
 * The published sums are the learner's master; factors are made here when an item is first scored, and kept from
 * version to version while the item's block does not change, so a load costs a copy of the changed blocks only.
 */
import type { ModelVersion, Tensor } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'
import { type Block, decodeBlock, itemOfBlock } from '../learner/linear/block.ts'
import { componentsOf } from '../learner/linear/learner.ts'
import { addScaled, cholesky, dot, packedLength, solveLower, solveUpper } from '../learner/linear/matrix.ts'
import { isFiniteArray } from '../learner/tensors.ts'
import type { Random } from '../state/random.ts'
import type { CandidateVectors, Policy, Scorer } from './policy.ts'

/** Weight of each reward component in the scalar reward. */
export type ComponentWeights = (component: string) => number

interface Posterior {
  readonly theta: Float64Array
  readonly factor: Float64Array
}

interface Arm {
  readonly block: Block
  posterior?: Posterior
}

/** What all arms of a version share; a change of any makes kept posteriors useless. */
interface Reading {
  readonly d: number
  readonly lambda: number
  readonly scale: number
  /** By component index. */
  readonly weights: readonly number[]
}

interface Version {
  readonly version: string
  readonly reading: Reading
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
  const reading = readingOf(model, weightOf)
  const arms = new Map<string, Arm>()
  if (model.base_version !== null)
    for (const [itemId, arm] of before!.arms) arms.set(itemId, carried(arm, before!.reading, reading))
  for (const tensor of model.tensors) {
    const itemId = itemOfBlock(tensor.name)
    if (itemId === undefined) continue
    if (tensor.data.length === 0) arms.delete(itemId)
    else arms.set(itemId, { block: finiteBlock(model, tensor, reading.d) })
  }
  const version = { version: model.version, reading, arms }
  const policy: Policy = {
    version: model.version,
    algorithm: model.algorithm,
    knownItems: limit => [...arms.keys().take(limit)],
    scorer: (state, candidates) => createScorer(version, state, candidates),
  }
  versions.set(policy, version)
  return policy
}

function readingOf(model: ModelVersion, weightOf: ComponentWeights): Reading {
  const { dimensions, prior_precision, read_scale } = model.parameters
  if (!(Number.isInteger(dimensions) && dimensions > 0 && prior_precision > 0 && Number.isFinite(read_scale)))
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: parameters of another algorithm`)
  const weights = componentsOf(model.parameters).map(([component]) => weightOf(component))
  return { d: dimensions, lambda: prior_precision, scale: read_scale, weights }
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

/** The arm's posterior, made once. */
function posteriorOf(arm: Arm, reading: Reading): Posterior {
  if (arm.posterior) return arm.posterior
  const { d, lambda, scale, weights } = reading
  const factor = new Float64Array(packedLength(d))
  // sums of very unlike sizes can round A a hair below semidefinite; a ridge at that scale repairs it
  let ridge = lambda
  while (!cholesky(arm.block.a, d, scale, ridge, factor))
    ridge = ridge * 2 + 1e-12 * scale * largestDiagonal(arm.block.a, d)
  const theta = new Float64Array(d)
  arm.block.b.forEach((b, index) => {
    addScaled(theta, b, scale * (weights[index] ?? 0))
  })
  solveLower(factor, theta, theta)
  solveUpper(factor, theta, theta)
  arm.posterior = { theta, factor }
  return arm.posterior
}

function largestDiagonal(a: Float64Array, d: number): number {
  let largest = 0
  for (let i = 0; i < d; i++) largest = Math.max(largest, a[packedLength(i + 1) - 1])
  return largest
}

function createScorer({ version, reading, arms }: Version, state: Float64Array, candidates: CandidateVectors): Scorer {
  if (state.length !== reading.d)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${version} scores states of ${reading.d} dimensions, not ${state.length}`,
    )
  const known = candidates.itemIds.map(itemId => {
    const arm = arms.get(itemId)
    return arm && posteriorOf(arm, reading)
  })
  const mean = new Float64Array(known.length)
  for (let k = 0; k < known.length; k++) mean[k] = known[k] ? dot(known[k]!.theta, state) : 0
  let deviation: Float64Array | undefined
  const deviations = () => {
    deviation ??= deviationsOf(known, state, reading.lambda)
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

function deviationsOf(known: readonly (Posterior | undefined)[], x: Float64Array, lambda: number): Float64Array {
  const prior = Math.sqrt(dot(x, x) / lambda)
  const solved = new Float64Array(x.length)
  const deviations = new Float64Array(known.length)
  for (let k = 0; k < known.length; k++) {
    const posterior = known[k]
    if (posterior) solveLower(posterior.factor, x, solved)
    deviations[k] = posterior ? Math.sqrt(dot(solved, solved)) : prior
  }
  return deviations
}
