/**
 * The linear-Gaussian learner: one Bayesian linear regression an item on features φ of the decision's state. Everything
 * that it holds is a sum over transitions, so revisions may come in any order and any split (class `exact`):
 *   initial: A += w φφᵀ; every revision, a retraction of an outcome too: b += w Δr φ for each component.
 * A retraction takes back rewards, not the decision: it was shown, and now it is known to have earned less.
 * φ is features.ts of the encoded state; while its map is sought the first decisions are kept and learned anew (warm-up.ts).
 * Propensities play no part: regression on (φ, r) of the chosen item is the direct method.
 * Decisions of an evicted item are refused by decision time, all revisions of one alike, so b never outlives its A.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import type { Checkpoint, Example, Learner, LearnStats } from '../learner.ts'
import { isFiniteArray, removedTensor } from '../tensors.ts'
import {
  addDecision,
  type Block,
  blockBytes,
  blockName,
  componentOf,
  createBlock,
  decodeBlock,
  encodeBlock,
  itemOfBlock,
  scaleBlock,
} from './block.ts'
import { advance, type DecayClock, readScale, weightAt } from './decay.ts'
import { decodeFeatureMap, encodeFeatureMap } from './feature-tensors.ts'
import {
  createFeatureMap,
  type FeatureMap,
  type FeatureOptions,
  featureDimensions,
  standardisationOf,
  unknownScale,
} from './features.ts'
import { addScaled, dot } from './matrix.ts'
import { addMoments, createMoments, decodeMoments, encodeMoments, type Moments, scaleMoments } from './moments.ts'
import { type Arm, noiseOf, type Prior } from './posterior.ts'
import { groupsOf, type Hyper, improve, priorOf, startHyper } from './prior.ts'
import { decodeHyper, decodePrior, encodePriorMean, hyperParameters, PRIOR_ESTIMATED } from './prior-tensors.ts'
import {
  createWarmUp,
  decodeRow,
  encodeRow,
  inOrder,
  isComplete,
  isRow,
  keep,
  type Row,
  type WarmUp,
} from './warm-up.ts'

export interface LinearOptions {
  readonly features: FeatureOptions
  /** Decisions from which the feature map is found. */
  readonly warmUpDecisions: number
  /** λ: of the prior until there is something to estimate it from, and the centre of the hyperprior after. */
  readonly priorPrecision: number
  /** The prior is estimated from the items (prior.ts), for the scalar reward of these weights by component; absent: it
   * stays as configured, around 0. */
  readonly estimate?: (component: string) => number
  readonly maxItems: number
  /** 0: nothing is forgotten. */
  readonly halfLifeMs: number
  /** A full checkpoint must fit in this many bytes: caps the blocks beside `maxItems`. */
  readonly maxCheckpointBytes: number
}

/** Numbers beyond this are refused: their squares and sums would leave the range of doubles. */
const LARGEST = 1e100
/** Least seen blocks go together, this part of all, so that a full table costs little an item. */
const EVICT_PART = 64
/** Decisions before the first estimate of the prior, growth from one to the next, and rounds of each. */
const FIRST_ESTIMATE = 32
const ESTIMATE_GROWTH = 1.5
const ROUNDS = 2

/** The learner with its sums open to those who serve from them in the same process (src/models/live.ts). */
export interface LinearLearner extends Learner {
  readonly blocks: ReadonlyMap<string, Block>
  readonly moments: Moments
  readonly components: ReadonlyMap<string, number>
  readonly featureMap: () => FeatureMap
  readonly readScale: () => number
  readonly prior: () => Prior
}

interface State {
  readonly options: LinearOptions
  map: FeatureMap
  warmUp: WarmUp
  moments: Moments
  hyper: Hyper
  prior: Prior
  /** Decisions learned, and at how many the prior is estimated next. */
  decisions: number
  nextEstimate: number
  priorChanged: boolean
  readonly clock: DecayClock
  readonly blocks: Map<string, Block>
  readonly components: Map<string, number>
  /** Newest decision time of any block ever evicted, ms; -1: none was. */
  evictedUntilMs: number
  evicted: number
  /** Memory of evicted blocks, for the next: a large catalogue makes and evicts blocks all the time. */
  readonly spare: Float64Array[]
  /** Items changed or evicted since the last snapshot. */
  readonly changed: Set<string>
  /** The feature map, and rows of the warm-up, changed since the last snapshot. */
  mapChanged: boolean
  version: string | null
}

export function createLinearLearner(options: LinearOptions): LinearLearner {
  const map = createFeatureMap(options.features, unknownScale(options.features))
  const hyper = startHyper(options.priorPrecision)
  const state: State = {
    options,
    map,
    hyper,
    prior: priorOf(groupsOf(options.features, map.dimensions), hyper, new Float64Array(map.dimensions)),
    decisions: 0,
    nextEstimate: FIRST_ESTIMATE,
    priorChanged: true,
    warmUp: createWarmUp(options.features.numbers.count > 0 ? options.warmUpDecisions : 0),
    moments: createMoments(),
    clock: { halfLifeMs: options.halfLifeMs, referenceMs: 0, newestMs: -1 },
    blocks: new Map(),
    components: new Map(),
    evictedUntilMs: -1,
    evicted: 0,
    spare: [],
    changed: new Set(),
    mapChanged: true,
    version: null,
  }
  return {
    blocks: state.blocks,
    components: state.components,
    get moments() {
      return state.moments
    },
    featureMap: () => state.map,
    readScale: () => readScale(state.clock),
    prior: () => state.prior,
    algorithm: 'linear-gaussian',
    revisions: 'exact',
    usesCandidates: false,
    learn: batch => learn(state, batch),
    snapshot: (version, full) => snapshot(state, version, full),
    restore: model => restore(state, model),
  }
}

function learn(state: State, batch: readonly Example[]): LearnStats {
  const refused: Record<string, number> = {}
  let learned = 0
  let largest = 0
  for (const example of batch) {
    const square = dot(example.state, example.state)
    const reason = refusal(state, example, square) ?? learnOne(state, example)
    if (reason) refused[reason] = (refused[reason] ?? 0) + 1
    else {
      learned++
      largest = Math.max(largest, square)
    }
  }
  const stats = { items: state.blocks.size, evicted: state.evicted, state_norm: Math.sqrt(largest) }
  return { learned, refused, stats }
}

/** Why a revision can't be learned, by what it says alone: the same for every revision of a transition.
 * @param square of the state's norm */
function refusal(state: State, { transition, state: encoded }: Example, square: number): string | undefined {
  if (transition.slot < 0 || transition.action.length !== 1) return 'slate'
  if (encoded.length !== state.options.features.stateDimensions) return 'dimensions'
  const { weight, delta, cumulative } = transition
  const largest = Math.max(square, weight, largestOf(delta), largestOf(cumulative))
  if (largest < LARGEST && weight >= 0) return undefined
  const numbers = [weight, ...Object.values(delta), ...Object.values(cumulative)]
  if (!isFiniteArray(encoded) || !isFiniteArray(numbers)) return 'not_finite'
  return weight < 0 ? 'weight_negative' : 'out_of_range'
}

/** The largest size; NaN when there is one. */
function largestOf(rewards: Readonly<Record<string, number>>): number {
  let largest = 0
  for (const component in rewards) largest = Math.max(largest, Math.abs(rewards[component]))
  return largest
}

/** @returns why not, if not */
function learnOne(state: State, { transition, state: encoded }: Example): string | undefined {
  const itemId = transition.action[0]
  const { decision_time_ms: timeMs, weight } = transition
  const rewards: number[] = []
  for (const [component, delta] of Object.entries(transition.delta)) rewards[indexOf(state, component)] = delta
  const row = { itemId, timeMs, weight, seen: transition.kind === 'initial', state: encoded, rewards }
  const reason = add(state, row)
  if (reason) return reason
  addMoments(state.moments, transition, state.components, weight * weightAt(state.clock, timeMs))
  if (row.seen) state.decisions++
  if (!state.warmUp.settled) {
    state.mapChanged = true
    if (keep(state.warmUp, transition, encoded, component => indexOf(state, component))) remap(state)
  }
  if (state.decisions >= state.nextEstimate) estimate(state)
  return undefined
}

/** Makes the prior anew from the sums; again when half as many more decisions are there. */
function estimate(state: State): void {
  const { options, map, blocks, moments } = state
  state.nextEstimate = Math.max(FIRST_ESTIMATE, Math.ceil(state.decisions * ESTIMATE_GROWTH))
  if (!options.estimate) return
  const arms = new Map([...blocks].map(([itemId, block]): [string, Arm] => [itemId, { block }]))
  const weights = Array.from(state.components.keys(), options.estimate)
  for (let round = 0; round < ROUNDS; round++) {
    const reading = { map, prior: state.prior, scale: readScale(state.clock), weights }
    const variance = noiseOf(moments, arms, reading) ** 2
    Object.assign(state, improve(arms, reading, state.hyper, { variance, precision: options.priorPrecision }))
  }
  state.priorChanged = true
}

/** Adds one revision, or all that is known of a decision, to its item's sums. */
function add(state: State, { itemId, timeMs, weight, seen, state: encoded, rewards }: Omit<Row, 'transitionId'>) {
  const block = blockFor(state, itemId, timeMs)
  if (!block) return 'evicted'
  const factor = advance(state.clock, timeMs)
  if (factor !== 1) rescale(state, factor)
  const decayed = weight * weightAt(state.clock, timeMs)
  const phi = state.map.apply(encoded)
  if (seen) addDecision(block, phi, decayed)
  if (timeMs > block.lastMs) block.lastMs = timeMs
  rewards.forEach((reward, index) => {
    if (reward !== 0) addScaled(componentOf(block, index, phi.length), phi, decayed * reward)
  })
  componentOf(block, 0, phi.length)
  block.revision++
  state.changed.add(itemId)
  return undefined
}

/** Makes the feature map anew from the decisions kept, and learns them again under it. */
function remap(state: State): void {
  const { warmUp, blocks, changed, options } = state
  const rows = inOrder(warmUp)
  const settled = isComplete(warmUp)
  const states = rows.filter(row => row.seen).map(row => row.state)
  const sample = settled ? states.slice(0, warmUp.decisions) : states
  state.map = createFeatureMap(options.features, standardisationOf(sample, options.features.numbers))
  for (const itemId of blocks.keys()) changed.add(itemId)
  blocks.clear()
  state.evictedUntilMs = -1
  for (const row of rows) add(state, row)
  state.nextEstimate = Math.min(state.nextEstimate, Math.max(FIRST_ESTIMATE, state.decisions))
  if (!settled) return
  warmUp.settled = true
  warmUp.rows.clear()
}

function indexOf(state: State, component: string): number {
  let index = state.components.get(component)
  if (index === undefined) {
    index = state.components.size
    state.components.set(component, index)
  }
  return index
}

function blockFor(state: State, itemId: string, timeMs: number): Block | undefined {
  let block = state.blocks.get(itemId)
  const sinceMs = block ? block.sinceMs : state.evictedUntilMs
  if (timeMs <= sinceMs) return undefined
  if (block) return block
  if (state.blocks.size >= capacity(state)) evict(state)
  if (timeMs <= state.evictedUntilMs) return undefined
  block = createBlock(state.map.dimensions, state.evictedUntilMs, state.spare.pop())
  state.blocks.set(itemId, block)
  return block
}

function capacity({ options, components }: State): number {
  const fits = Math.floor(
    options.maxCheckpointBytes / blockBytes(featureDimensions(options.features), Math.max(1, components.size)),
  )
  return Math.max(1, Math.min(options.maxItems, fits))
}

/** Drops the least seen blocks: by count, then the longest unseen, then id, so that every run drops the same. */
function evict(state: State): void {
  const order = [...state.blocks].sort(
    ([idA, a], [idB, b]) => a.seen - b.seen || a.lastMs - b.lastMs || (idA < idB ? -1 : 1),
  )
  const drop = state.blocks.size - capacity(state) + Math.max(1, Math.floor(state.blocks.size / EVICT_PART))
  for (const [itemId, block] of order.slice(0, drop)) {
    state.blocks.delete(itemId)
    state.spare.push(block.a)
    state.changed.add(itemId)
    state.evictedUntilMs = Math.max(state.evictedUntilMs, block.lastMs)
    state.evicted++
  }
}

function rescale(state: State, factor: number): void {
  for (const [itemId, block] of state.blocks) {
    scaleBlock(block, factor)
    state.changed.add(itemId)
  }
  scaleMoments(state.moments, factor)
}

function snapshot(state: State, version: string, full: boolean): Checkpoint {
  const seeking = state.mapChanged && state.options.features.numbers.count > 0
  const baseVersion = full || seeking ? null : state.version
  const ids = baseVersion === null ? state.blocks.keys() : state.changed
  const blocks = Array.from(ids, itemId => {
    const block = state.blocks.get(itemId)
    return block ? encodeBlock(itemId, block) : removedTensor(blockName(itemId))
  })
  // while the map is sought a version is full, so that no increment need tell which rows went
  const tensors = baseVersion === null ? [...blocks, ...encodeFeatureMap(state.map), ...rowsOf(state.warmUp)] : blocks
  if (state.options.estimate && (baseVersion === null || state.priorChanged)) tensors.push(encodePriorMean(state.prior))
  state.priorChanged = false
  state.changed.clear()
  state.mapChanged = false
  state.version = version
  return { baseVersion, parameters: parametersOf(state), tensors }
}

function parametersOf(state: State): Record<string, number> {
  const parameters: Record<string, number> = {
    dimensions: state.map.dimensions,
    state_dimensions: state.options.features.stateDimensions,
    numbers_from: state.options.features.numbers.from,
    numbers_count: state.options.features.numbers.count,
    fourier: state.options.features.fourier,
    fourier_bandwidth: state.options.features.bandwidth,
    fourier_seed: state.options.features.seed,
    map_settled: state.warmUp.settled ? 1 : 0,
    ...encodeMoments(state.moments),
    ...hyperParameters(state.hyper),
    [PRIOR_ESTIMATED]: state.options.estimate ? 1 : 0,
    decisions: state.decisions,
    next_estimate: state.nextEstimate,
    half_life_ms: state.options.halfLifeMs,
    reference_ms: state.clock.referenceMs,
    newest_ms: state.clock.newestMs,
    read_scale: readScale(state.clock),
    evicted_until_ms: state.evictedUntilMs,
    evicted: state.evicted,
  }
  for (const [component, index] of state.components) {
    parameters[`component/${component}`] = index
    if (state.options.estimate) parameters[`${PRIOR_WEIGHT}${component}`] = state.options.estimate(component)
  }
  return parameters
}

function restore(state: State, model: ModelVersion): void {
  const { features, halfLifeMs } = state.options
  const dimensions = featureDimensions(features)
  const parameters = model.parameters
  if (parameters.dimensions !== dimensions || parameters.half_life_ms !== halfLifeMs)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${model.version} has ${parameters.dimensions} dimensions and half-life ${parameters.half_life_ms} ms, ` +
        `configured are ${dimensions} and ${halfLifeMs} ms`,
    )
  state.clock.referenceMs = parameters.reference_ms
  state.clock.newestMs = parameters.newest_ms
  state.evictedUntilMs = parameters.evicted_until_ms
  state.evicted = parameters.evicted
  state.components.clear()
  for (const [component, index] of componentsOf(parameters)) state.components.set(component, index)
  state.map = decodeFeatureMap(model)
  state.moments = decodeMoments(parameters)
  restorePrior(state, model)
  state.warmUp = restoredWarmUp(state.options, model)
  state.blocks.clear()
  for (const tensor of model.tensors) {
    const itemId = itemOfBlock(tensor.name)
    if (itemId !== undefined) state.blocks.set(itemId, decodeBlock(tensor, dimensions))
  }
  state.changed.clear()
  state.mapChanged = false
  state.version = model.version
}

/** What was estimated for other weights of the reward, or not at all, is estimated anew with the next decision. */
function restorePrior(state: State, model: ModelVersion): void {
  const { parameters } = model
  const { estimate: weightOf, priorPrecision, features } = state.options
  state.decisions = parameters.decisions
  state.nextEstimate = parameters.next_estimate
  if (weightOf) {
    state.hyper = decodeHyper(model)
    state.prior = decodePrior(model, state.map)
    const same = ([component]: [string, number]) => parameters[`${PRIOR_WEIGHT}${component}`] === weightOf(component)
    if (!componentsOf(parameters).every(same)) state.nextEstimate = 0
    // what the version holds need not be said again
    state.priorChanged = parameters[PRIOR_ESTIMATED] !== 1
  } else {
    state.hyper = startHyper(priorPrecision)
    const { dimensions } = state.map
    state.prior = priorOf(groupsOf(features, dimensions), state.hyper, new Float64Array(dimensions))
    state.priorChanged = true
  }
}

const PRIOR_WEIGHT = 'prior_weight/'

const rowsOf = ({ rows }: WarmUp) => Array.from(rows.values(), encodeRow)

function restoredWarmUp({ features, warmUpDecisions }: LinearOptions, model: ModelVersion): WarmUp {
  const warmUp = createWarmUp(features.numbers.count > 0 ? warmUpDecisions : 0)
  warmUp.settled = model.parameters.map_settled === 1
  const rows = model.tensors.filter(tensor => isRow(tensor.name)).map(decodeRow)
  for (const row of rows) warmUp.rows.set(row.transitionId, row)
  warmUp.seen = rows.filter(row => row.seen).length
  return warmUp
}

/** Reward components of a checkpoint with their index in each block's b. */
export const componentsOf = (parameters: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(parameters)
    .filter(([name]) => name.startsWith('component/'))
    .map(([name, index]): [string, number] => [name.slice('component/'.length), index])
    .sort((a, b) => a[1] - b[1])
