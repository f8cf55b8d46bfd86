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
import { decodeVector, itemOfVector } from '../learner/linear/likeness.ts'
import { dot, solveLower } from '../learner/linear/matrix.ts'
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
import { createPanels, lengthsFor, type Panels } from './deviations/lengths.ts'
import { panelsOf } from './deviations/panels.ts'
import { roundingOfDots } from './dots/dots.ts'
import { addForetold } from './foretold.ts'
import { lazyScorer } from './lazy-scorer.ts'
import { createPlaces, type Found, foundNow, type Places } from './places.ts'
import type { CandidateVectors, Deviations, Loading, Policy, Scorer } from './policy.ts'
import { productsOf } from './products.ts'

/** Weight of each reward component in the scalar reward. */
export type ComponentWeights = (component: string) => number

export interface Version {
  readonly version: string
  readonly reading: Reading
  /** σ. */
  readonly noise: number
  readonly arms: ReadonlyMap<string, Arm>
  /** Their posteriors by row; absent: they change. */
  readonly places?: Places
  /** Times that it scored. */
  scored?: number
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
  const places = createPlaces(itemId => knownOf(arms, itemId, reading))
  const version = { version: model.version, reading, noise, arms, places }
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
/** One time in so many that a version scores it says what it looked at. */
const NOTED = 8
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
  const { itemIds } = candidates
  const { stateDimensions } = reading.map.options
  if (state.length !== stateDimensions)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${version.version} scores states of ${stateDimensions} dimensions, not ${state.length}`,
    )
  const phi = reading.map.apply(state)
  const known = places?.of(candidates) ?? foundNow(itemIds.map(itemId => knownOf(arms, itemId, reading)))
  scored++
  version.scored = (version.scored ?? 0) + 1
  if (version.scored % NOTED === 1) note(known)
  const { prior } = reading
  const common = dot(prior.mean, phi)
  const { unknown } = known
  const { mean, along } = productsOf(known, phi)
  for (let i = 0; i < unknown.length; i++) mean[unknown[i]] = common
  addForetold(prior, phi, candidates, unknown, mean)
  return lazyScorer({
    mean,
    deviations: () => deviationsOf(known, phi, along, reading, noise),
    bias: k => ({
      shared: common,
      content:
        (arms.get(itemIds[k])?.block.offset ?? offsetOf(prior.content, itemIds[k], candidates.vectors[k])) * phi[0],
    }),
  })
}

function knownOf(arms: Version['arms'], itemId: string, reading: Reading): Posterior | undefined {
  const arm = arms.get(itemId)
  return arm && posteriorOf(arm, reading)
}

/** Says that a decision has looked at them. */
function note({ slots, known, posteriors }: Found): void {
  for (let i = 0; i < known.length; i++) {
    const { asked } = posteriors[slots[known[i]]]
    if (asked) asked.last = scored
  }
}

function panelsFor(posterior: Posterior, { map }: Reading): Panels {
  posterior.panels ??= createPanels(panelsOf(posterior.factor, map.dimensions))
  return posterior.panels
}

/** Part of a sum of products, for each of them, several times over. */
const ROUNDING = 1e-14

/** A posterior is never less sure than the prior that it began with and the axis say; what rounding says above that is cut. Where float32 does not
 * reach far enough, the matrix is solved in float64. */
function deviationsOf(
  { slots, posteriors }: Found,
  phi: Float64Array,
  along: Float64Array,
  reading: Reading,
  noise: number,
): Deviations {
  const { precision } = reading.prior
  const d = phi.length
  const square = phi.reduce((sum, value, i) => sum + value ** 2 / precision[i], 0)
  /** Of the two that are nearly the same where very much was seen: nobody is surer than that. */
  const rounding = ROUNDING * d * square
  const missed = roundingOfDots(d) * Math.sqrt(square)
  const lengthOf = lengthsFor(phi)
  const most = new Float64Array(slots.length).fill(noise * Math.sqrt(square))
  const isFound = new Uint8Array(slots.length)
  for (let k = 0; k < most.length; k++)
    if (slots[k] >= 0)
      most[k] = noise * Math.sqrt(Math.max(0, square - Math.max(0, Math.abs(along[k]) - missed) ** 2) + rounding)
  const workOut = (slot: number): number => {
    const posterior = posteriors[slot]
    const length = lengthOf(panelsFor(posterior, reading))
    return noise * (Number.isFinite(length) ? length : plainLength(posterior, phi))
  }
  return {
    most,
    of(k) {
      if (slots[k] >= 0 && isFound[k] === 0) {
        isFound[k] = 1
        most[k] = Math.min(most[k], workOut(slots[k]))
      }
      return most[k]
    },
  }
}

function plainLength({ factor }: Posterior, phi: Float64Array): number {
  const solved = new Float64Array(phi.length)
  solveLower(factor, phi, solved)
  return Math.sqrt(dot(solved, solved))
}
