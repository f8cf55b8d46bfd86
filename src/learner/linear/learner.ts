/**
 * The linear-Gaussian learner: one Bayesian linear regression an item on the encoded state φ of the decision. Everything
 * that it holds is a sum over transitions, so revisions may come in any order and any split (class `exact`):
 *   initial: A += w φφᵀ; every revision, a retraction of an outcome too: b += w Δr φ for each component.
 * A retraction takes back rewards, not the decision: it was shown, and now it is known to have earned less.
 * Propensities play no part: regression on (φ, r) of the chosen item is the direct method.
 * Decisions of an evicted item are refused by decision time, all revisions of one alike, so b never outlives its A.
 */
import type { ModelVersion, Transition } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import type { Checkpoint, Example, Learner, LearnStats } from '../learner.ts'
import { isFiniteArray, removedTensor } from '../tensors.ts'
import {
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
import { addOuter, addScaled, dot } from './matrix.ts'

export interface LinearOptions {
  /** Length of the encoded state. */
  readonly dimensions: number
  /** λ. */
  readonly priorPrecision: number
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

interface State {
  readonly options: LinearOptions
  readonly clock: DecayClock
  readonly blocks: Map<string, Block>
  readonly components: Map<string, number>
  /** Newest decision time of any block ever evicted, ms; -1: none was. */
  evictedUntilMs: number
  evicted: number
  /** Items changed or evicted since the last snapshot. */
  readonly changed: Set<string>
  version: string | null
}

export function createLinearLearner(options: LinearOptions): Learner {
  const state: State = {
    options,
    clock: { halfLifeMs: options.halfLifeMs, referenceMs: 0, newestMs: -1 },
    blocks: new Map(),
    components: new Map(),
    evictedUntilMs: -1,
    evicted: 0,
    changed: new Set(),
    version: null,
  }
  return {
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
  let norm = 0
  for (const example of batch) {
    const reason = refusal(state, example) ?? add(state, example)
    if (reason) refused[reason] = (refused[reason] ?? 0) + 1
    else {
      learned++
      norm = Math.max(norm, dot(example.state, example.state))
    }
  }
  const stats = { items: state.blocks.size, evicted: state.evicted, state_norm: Math.sqrt(norm) }
  return { learned, refused, stats }
}

/** Why a revision can't be learned, by what it says alone: the same for every revision of a transition. */
function refusal(state: State, { transition, state: phi }: Example): string | undefined {
  if (transition.slot < 0 || transition.action.length !== 1) return 'slate'
  if (phi.length !== state.options.dimensions) return 'dimensions'
  const rewards = Object.values(transition.delta)
  if (!isFiniteArray(phi) || !isFiniteArray(rewards) || !Number.isFinite(transition.weight)) return 'not_finite'
  if (transition.weight < 0) return 'weight_negative'
  const largest = Math.max(dot(phi, phi), transition.weight, ...rewards.map(Math.abs))
  return largest < LARGEST ? undefined : 'out_of_range'
}

function add(state: State, { transition, state: phi }: Example): string | undefined {
  const block = blockFor(state, transition)
  if (!block) return 'evicted'
  const factor = advance(state.clock, transition.decision_time_ms)
  if (factor !== 1) rescale(state, factor)
  const weight = transition.weight * weightAt(state.clock, transition.decision_time_ms)
  if (transition.kind === 'initial') {
    addOuter(block.a, phi, weight)
    block.seen++
  }
  if (transition.decision_time_ms > block.lastMs) block.lastMs = transition.decision_time_ms
  for (const [component, delta] of Object.entries(transition.delta))
    if (delta !== 0) addScaled(componentOf(block, indexOf(state, component), phi.length), phi, weight * delta)
  componentOf(block, 0, phi.length)
  state.changed.add(transition.action[0])
  return undefined
}

function indexOf(state: State, component: string): number {
  let index = state.components.get(component)
  if (index === undefined) {
    index = state.components.size
    state.components.set(component, index)
  }
  return index
}

function blockFor(state: State, transition: Transition): Block | undefined {
  const itemId = transition.action[0]
  let block = state.blocks.get(itemId)
  const sinceMs = block ? block.sinceMs : state.evictedUntilMs
  if (transition.decision_time_ms <= sinceMs) return undefined
  if (block) return block
  if (state.blocks.size >= capacity(state)) evict(state)
  if (transition.decision_time_ms <= state.evictedUntilMs) return undefined
  block = createBlock(state.options.dimensions, state.evictedUntilMs)
  state.blocks.set(itemId, block)
  return block
}

function capacity({ options, components }: State): number {
  const fits = Math.floor(options.maxCheckpointBytes / blockBytes(options.dimensions, Math.max(1, components.size)))
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
}

function snapshot(state: State, version: string, full: boolean): Checkpoint {
  const baseVersion = full ? null : state.version
  const ids = baseVersion === null ? state.blocks.keys() : state.changed
  const tensors = Array.from(ids, itemId => {
    const block = state.blocks.get(itemId)
    return block ? encodeBlock(itemId, block) : removedTensor(blockName(itemId))
  })
  state.changed.clear()
  state.version = version
  return { baseVersion, parameters: parametersOf(state), tensors }
}

function parametersOf(state: State): Record<string, number> {
  const parameters: Record<string, number> = {
    dimensions: state.options.dimensions,
    prior_precision: state.options.priorPrecision,
    half_life_ms: state.options.halfLifeMs,
    reference_ms: state.clock.referenceMs,
    newest_ms: state.clock.newestMs,
    read_scale: readScale(state.clock),
    evicted_until_ms: state.evictedUntilMs,
    evicted: state.evicted,
  }
  for (const [component, index] of state.components) parameters[`component/${component}`] = index
  return parameters
}

function restore(state: State, model: ModelVersion): void {
  const { dimensions, halfLifeMs } = state.options
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
  state.blocks.clear()
  for (const tensor of model.tensors) {
    const itemId = itemOfBlock(tensor.name)
    if (itemId !== undefined) state.blocks.set(itemId, decodeBlock(tensor, dimensions))
  }
  state.changed.clear()
  state.version = model.version
}

/** Reward components of a checkpoint with their index in each block's b. */
export const componentsOf = (parameters: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(parameters)
    .filter(([name]) => name.startsWith('component/'))
    .map(([name, index]): [string, number] => [name.slice('component/'.length), index])
    .sort((a, b) => a[1] - b[1])
