/**
 * The linear-Gaussian learner: one Bayesian linear regression an item on features φ of the decision's state. Everything
 * that it holds is a sum over transitions, so revisions may come in any order and any split (class `exact`):
 *   initial: A += w φφᵀ; every revision, a retraction of an outcome too: b += w Δr φ for each component.
 * A retraction takes back rewards, not the decision: it was shown, and now it is known to have earned less.
 * φ is features.ts of the encoded state; while its map is sought the first decisions are kept and learned anew (warm-up.ts).
 * Propensities play no part: regression on (φ, r) of the chosen item is the direct method.
 * Decisions of an evicted item are refused by decision time, all revisions of one alike, so b never outlives its A.
 */
import type { Example, Learner, LearnStats } from '../learner.ts'
import { isFiniteArray } from '../tensors.ts'
import { adapt, compare, expectation } from './adapt.ts'
import { deadArms } from './arms.ts'
import { addDecision, type Block, componentOf } from './block.ts'
import { blockFor, rescale } from './blocks.ts'
import { restore, snapshot } from './checkpoint.ts'
import { contentOf } from './content.ts'
import { advance, readScale, weightAt } from './decay.ts'
import { createFeatureMap, type FeatureMap, standardisationOf } from './features.ts'
import { addScaled, dot } from './matrix.ts'
import { addMoments, type Moments } from './moments.ts'
import { type Arm, noiseOf, type Prior } from './posterior.ts'
import { improve } from './prior.ts'
import { createState, FIRST_ESTIMATE, type LinearOptions, type State } from './state.ts'
import { inOrder, isComplete, keep, type Row } from './warm-up.ts'

export type { LinearOptions }

/** Numbers beyond this are refused: their squares and sums would leave the range of doubles. */
const LARGEST = 1e100
/** Growth from one estimate of the prior to the next, and rounds of each. */
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

export function createLinearLearner(options: LinearOptions): LinearLearner {
  const state = createState(options)
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
  adapt(state)
  for (const example of batch) {
    const square = dot(example.state, example.state)
    const reason = refusal(state, example, square) ?? learnOne(state, example)
    if (reason) refused[reason] = (refused[reason] ?? 0) + 1
    else {
      learned++
      largest = Math.max(largest, square)
    }
  }
  const stats = {
    items: state.blocks.size,
    evicted: state.evicted,
    dead_arms: deadArms(state),
    state_norm: Math.sqrt(largest),
    world_changes: state.clock.changedMs.length,
  }
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
function learnOne(state: State, { transition, state: encoded, item }: Example): string | undefined {
  const itemId = transition.action[0]
  const { decision_time_ms: timeMs, weight } = transition
  const rewards: number[] = []
  for (const [component, delta] of Object.entries(transition.delta)) rewards[indexOf(state, component)] = delta
  const expected = expectation(state, transition, encoded)
  const row = { itemId, timeMs, weight, seen: transition.kind === 'initial', state: encoded, rewards }
  const reason = add(state, row)
  if (reason) return reason
  noteContent(state, itemId, item)
  noteVector(state, itemId, item)
  addMoments(state.moments, transition, state.components, weight * weightAt(state.clock, timeMs))
  if (row.seen) state.decisions++
  if (state.firstMs < 0 || timeMs < state.firstMs) state.firstMs = timeMs
  if (!state.warmUp.settled) {
    state.mapChanged = true
    if (keep(state.warmUp, transition, encoded, component => indexOf(state, component))) remap(state)
  }
  compare(state, transition, expected)
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
    const { hyper, prior, offsets } = improve(arms, reading, state.hyper, {
      variance,
      precision: options.priorPrecision,
      history: options.history,
    })
    Object.assign(state, { hyper, prior })
    moveOffsets(state, offsets)
  }
  // made for the prior before: from here on each decision would carry them along for nothing
  for (const block of blocks.values()) block.factor = undefined
  state.priorChanged = true
}

/** Each item's offset by its vector; a new prior makes all posteriors anew anyway. */
function moveOffsets({ blocks, changed }: State, offsets: ReadonlyMap<string, number>): void {
  for (const [itemId, offset] of offsets) {
    const block = blocks.get(itemId)!
    if (block.offset === offset) continue
    block.offset = offset
    changed.add(itemId)
  }
}

/** The content of the vector that an item has when it is first learned with one. */
function noteContent(state: State, itemId: string, vector: Float32Array | undefined): void {
  const block = state.blocks.get(itemId)
  if (!state.options.estimate || !block || block.content || !vector) return
  const content = contentOf(itemId, vector)
  if (!content) return
  const { content: weights } = state.prior
  block.content = content
  block.offset = weights?.length === content.length ? dot(weights, content) : 0
  block.factor = undefined
  block.revision++
  state.contentLength = Math.max(state.contentLength, content.length)
}

/** Likewise the vector itself, where the state holds a mean of such. */
function noteVector({ options, blocks }: State, itemId: string, vector: Float32Array | undefined): void {
  const block = blocks.get(itemId)
  if (!options.estimate || !options.history || !block || vector?.length !== options.history.count) return
  if (block.vector?.length === vector.length) return
  block.vector = vector
  block.revision++
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
