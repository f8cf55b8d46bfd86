/**
 * Serving of linear-Gaussian versions: per item the posterior N(θ, σ² Λ⁻¹), Λ = L Lᵀ, of src/learner/linear/posterior.ts, with
 * the *configured* weights of the reward's components. A candidate's expected reward is θᵀφ, its standard deviation
 * σ ‖L⁻¹φ‖, with φ the version's own feature map of the state. An item without a block has the version's prior, at the mean that its vector foretells.
 * The published sums are the learner's master; factors are made here, when an item is first scored or, where decisions
 * have looked at it lately, before the version serves, and kept from version to version while the item's block does not change.
 */
import type { ModelVersion, Tensor } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'
import { type Block, decodeBlock, itemOfBlock } from '../learner/linear/block.ts'
import { componentsOf } from '../learner/linear/checkpoint.ts'
import { decodeContent, itemOfContent, offsetOf } from '../learner/linear/content.ts'
import { decodeFeatureMap } from '../learner/linear/feature-tensors.ts'
import { decodeVector, itemOfVector, likenessIn } from '../learner/linear/likeness.ts'
import { dot } from '../learner/linear/matrix.ts'
import { decodeMoments } from '../learner/linear/moments.ts'
import {
  type Arm,
  mostSeen,
  NOISE_ITEMS,
  noiseOf,
  type Posterior,
  posteriorOf,
  type Reading,
} from '../learner/linear/posterior.ts'
import { decodePrior } from '../learner/linear/prior-tensors.ts'
import { isFiniteArray } from '../learner/tensors.ts'
import { lengthsFor } from './deviations/lengths.ts'
import { panelsOf } from './deviations/panels.ts'
import { createPlaces, type Places } from './places.ts'
import type { CandidateVectors, Loading, Policy, Scorer } from './policy.ts'

/** Weight of each reward component in the scalar reward. */
export type ComponentWeights = (component: string) => number

export interface Version {
  readonly version: string
  readonly reading: Reading
  /** σ. */
  readonly noise: number
  readonly arms: ReadonlyMap<string, Arm>
  /** The arms by row; absent: they change. */
  readonly places?: Places<Arm>
}

/** A loaded policy's version, from which the next increment goes on. */
const versions = new WeakMap<Policy, Version>()

/**
 * @param policy that of `model.base_version`; for a full checkpoint the one loaded last, if any
 * @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE
 */
export function* loadLinear(model: ModelVersion, policy: Policy | undefined, weightOf: ComponentWeights): Loading {
  const before = policy && versions.get(policy)
  const base = model.base_version === null ? undefined : before
  const reading = readingOf(model, base?.reading, weightOf)
  const arms = yield* armsOf(model, before, reading)
  const sample = mostSeen(arms, NOISE_ITEMS)
  for (const [, arm] of sample) {
    posteriorOf(arm, reading)
    yield
  }
  const noise = noiseOf(decodeMoments(model.parameters), arms, reading, sample)
  const version = { version: model.version, reading, noise, arms, places: createPlaces(arms) }
  yield* makeReady(version)
  const loaded: Policy = {
    version: model.version,
    algorithm: model.algorithm,
    knownItems: limit => [...arms.keys().take(limit)],
    scorer: (state, candidates) => scoreCandidates(version, state, candidates),
  }
  versions.set(loaded, version)
  return loaded
}

function* armsOf(
  model: ModelVersion,
  before: Version | undefined,
  reading: Reading,
): Generator<void, Map<string, Arm>> {
  const arms = new Map<string, Arm>()
  if (before && model.base_version !== null)
    for (const [itemId, arm] of before.arms) {
      arms.set(itemId, carried(arm, before.reading, reading))
      if (arms.size % LIGHT === 0) yield
    }
  for (const tensor of model.tensors) {
    const itemId = itemOfBlock(tensor.name)
    if (itemId === undefined) continue
    const asked = before?.arms.get(itemId)?.asked ?? { last: Number.NEGATIVE_INFINITY }
    if (tensor.data.length === 0) arms.delete(itemId)
    else arms.set(itemId, { block: finiteBlock(model, tensor, reading.map.dimensions), asked })
    yield
  }
  for (const [i, tensor] of model.tensors.entries()) {
    const arm = tensor.data.length > 0 ? arms.get(itemOfContent(tensor.name) ?? '') : undefined
    if (arm) arm.block.offset = decodeContent(tensor).offset
    const seen = tensor.data.length > 0 ? arms.get(itemOfVector(tensor.name) ?? '') : undefined
    if (seen) seen.block.vector = decodeVector(tensor)
    if (i % LIGHT === 0) yield
  }
  return arms
}

/** So many of what costs next to nothing are a piece. */
const LIGHT = 256
/** What so many decisions have not looked at is made when one does: some seconds' worth of them. */
const ASKED_WITHIN = 5000
/** Decisions scored in this process. Nothing but what is made ready depends on it. */
let scored = 0

/** Makes what decisions have looked at lately, lest the first of them wait for it. */
function* makeReady({ arms, reading }: Version): Generator<void, void> {
  const since = scored - ASKED_WITHIN
  for (const arm of arms.values()) {
    if (arm.asked!.last < since || arm.posterior?.panels) continue
    panelsFor(posteriorOf(arm, reading), reading)
    yield
  }
}

/** @param base the base version's: an increment has the same map, and the same prior while that does not change */
function readingOf(model: ModelVersion, base: Reading | undefined, weightOf: ComponentWeights): Reading {
  const { dimensions, read_scale } = model.parameters
  if (!(Number.isInteger(dimensions) && dimensions > 0 && Number.isFinite(read_scale)))
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: parameters of another algorithm`)
  const weights = componentsOf(model.parameters).map(([component]) => weightOf(component))
  const map = base?.map ?? decodeFeatureMap(model)
  return { map, prior: decodePrior(model, map, base?.prior), scale: read_scale, weights }
}

function finiteBlock(model: ModelVersion, tensor: Tensor, d: number): Block {
  const block = decodeBlock(tensor, d)
  if (!isFiniteArray(block.a) || !block.b.every(isFiniteArray))
    throw new FeedloopError('MODEL_NOT_FINITE', `version ${model.version}, tensor ${tensor.name}`)
  return block
}

function carried(arm: Arm, before: Reading, now: Reading): Arm {
  const same =
    before.prior === now.prior &&
    before.scale === now.scale &&
    arm.block.b.every((_, index) => before.weights[index] === now.weights[index])
  return same ? arm : { block: arm.block, asked: arm.asked }
}

/** @throws FeedloopError MODEL_INCOMPATIBLE for a state of other dimensions */
export function scoreCandidates(version: Version, state: Float64Array, candidates: CandidateVectors): Scorer {
  const { reading, noise, arms, places } = version
  const { itemIds, vectors } = candidates
  const { stateDimensions } = reading.map.options
  if (state.length !== stateDimensions)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${version.version} scores states of ${stateDimensions} dimensions, not ${state.length}`,
    )
  const phi = reading.map.apply(state)
  const asked = places ? places.of(candidates) : itemIds.map(itemId => arms.get(itemId))
  const known = asked.map(arm => arm && posteriorOf(arm, reading))
  scored++
  for (const arm of asked) if (arm?.asked) arm.asked.last = scored
  const common = dot(reading.prior.mean, phi)
  const likeness = reading.prior.likeness && likenessIn(reading.prior.likeness, phi)
  const mean = new Float64Array(known.length)
  for (let i = 0; i < mean.length; i++) {
    const posterior = known[i]
    mean[i] = posterior
      ? dot(posterior.theta, phi)
      : common + offsetOf(reading.prior.content, itemIds[i], vectors[i]) * phi[0] + (likeness?.(vectors[i]) ?? 0)
  }
  let deviation: Float64Array | undefined
  const deviations = () => {
    deviation ??= deviationsOf(known, phi, reading, noise)
    return deviation
  }
  return {
    mean,
    get deviation() {
      return deviations()
    },
    bias: k => ({
      shared: dot(reading.prior.mean, phi),
      content: (asked[k]?.block.offset ?? offsetOf(reading.prior.content, itemIds[k], vectors[k])) * phi[0],
    }),
  }
}

function panelsFor(posterior: Posterior, { map }: Reading): Uint8Array {
  posterior.panels ??= panelsOf(posterior.factor, map.dimensions)
  return posterior.panels
}

function deviationsOf(
  known: readonly (Posterior | undefined)[],
  phi: Float64Array,
  reading: Reading,
  noise: number,
): Float64Array {
  const { precision } = reading.prior
  const common = noise * Math.sqrt(phi.reduce((sum, value, i) => sum + value ** 2 / precision[i], 0))
  const deviations = new Float64Array(known.length).fill(common)
  const lengthOf = lengthsFor(phi)
  for (let i = 0; i < known.length; i++) {
    const posterior = known[i]
    if (!posterior) continue
    deviations[i] = noise * lengthOf(panelsFor(posterior, reading))
  }
  return deviations
}
