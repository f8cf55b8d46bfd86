/**
 * Neural-linear (Riquelme, Tucker & Snoek 2018, "Deep Bayesian bandits showdown"): features are learned by gradient descent
 * (train.ts), uncertainty is that of a Bayesian linear regression on them (head.ts). Between rounds of training the features
 * stand still and the head's sums grow with each decision. A round moves the features, so the sums, which are of other
 * features now, are made anew from the rows kept. A round is due when an eighth more decisions have come: the work a
 * decision stays the same, and features are moved most while they know least.
 * Towers learn their decisions partly by heart, so what they leave over there is less than the noise. Decisions that came since
 * the last round tell by how much, and all deviations are taken so many times: without it the choice locks in early.
 * Class `replace`: rows hold cumulative rewards, and what a revision changes is what it says less what the row said.
 * Propensities play no part: regression on what was shown is the direct method. Continuations are not looked at.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import type { ComponentWeights } from '../../models/linear.ts'
import type { Checkpoint, Example, Learner, LearnStats } from '../learner.ts'
import { blockName } from '../linear/block.ts'
import { encodeFeatureMap } from '../linear/feature-tensors.ts'
import {
  createFeatureMap,
  type FeatureMap,
  type FeatureOptions,
  type NumberRange,
  standardisationOf,
  unknownScale,
} from '../linear/features.ts'
import { componentsOf, type LinearLearner } from '../linear/learner.ts'
import { nest, nested } from '../nested.ts'
import type { TensorFlow } from '../tensorflow.ts'
import { isFiniteArray, removedTensor } from '../tensors.ts'
import { createNetwork, type Network } from '../two-tower/network.ts'
import type { Shape } from '../two-tower/parameters.ts'
import { createTowers } from '../two-tower/towers.ts'
import { decodeTraining, encodeTraining, startTraining, type Training } from '../two-tower/training.ts'
import { decodeFeatures, type Features, see } from './features.ts'
import { createHead, HEAD, type HeadOptions, retold, told } from './head.ts'
import { createRows, decodeRow, encodeRow, isRow, type Rewards, type Row, type Rows, rowName } from './rows.ts'
import { type TrainOptions, trainRound } from './train.ts'

export interface NeuralLinearOptions extends Shape, TrainOptions {
  /** Where the numbers stand in the encoded state. */
  readonly numbers: NumberRange
  /** Rows kept. */
  readonly bufferSize: number
  /** Of the reward's components, range applied. */
  readonly weightOf: ComponentWeights
  readonly head: HeadOptions
}

/** The learner with its parts open to those who serve from them in the same process (src/models/live.ts). */
export interface NeuralLinearLearner extends Learner {
  /** Other objects after each round. */
  readonly head: () => LinearLearner
  readonly features: () => Features
}

interface State {
  readonly options: NeuralLinearOptions
  readonly network: Network
  training: Training
  rows: Rows
  features: Features
  head: LinearLearner
  /** Decisions since the last round. */
  arrived: number
  readonly components: Map<string, number>
  /** Since the last snapshot: rows that changed, undefined: gone; and items of heads that were replaced. */
  readonly changed: Map<string, Row | undefined>
  readonly replaced: Set<string>
  version: string | null
}

/** Decisions before the first round, and part of the rows that makes another due. */
const FIRST_ROUND = 32
const ROUND_PART = 1 / 8
/** Numbers beyond this would leave the range of floats in the towers. */
const LARGEST = 1e15

export function neuralLinearLearner(options: NeuralLinearOptions, tensorflow: TensorFlow): NeuralLinearLearner {
  const training = startTraining(options, options.seed)
  const state: State = {
    options,
    network: createNetwork(tensorflow, options),
    training,
    rows: createRows(options.bufferSize),
    features: featuresOf(training, createFeatureMap(mapOptions(options), unknownScale(mapOptions(options))), 1, 1),
    head: createHead(options.embedding, options.head),
    arrived: 0,
    components: new Map(),
    changed: new Map(),
    replaced: new Set(),
    version: null,
  }
  return {
    algorithm: 'neural-linear',
    revisions: 'replace',
    usesCandidates: true,
    head: () => state.head,
    features: () => state.features,
    learn: batch => learn(state, batch),
    snapshot: (version, full) => snapshot(state, version, full),
    restore: model => restore(state, model),
  }
}

/** Numbers are standardised; curves are the towers' business. */
const mapOptions = ({ stateDimensions, numbers }: NeuralLinearOptions): FeatureOptions => ({
  stateDimensions,
  numbers,
  fourier: 0,
  bandwidth: 1,
  seed: 0,
})

const featuresOf = ({ weights }: Training, map: FeatureMap, unit: number, spread: number): Features => ({
  map,
  towers: createTowers(weights),
  unit,
  spread,
})

function learn(state: State, batch: readonly Example[]): LearnStats {
  const refused: Record<string, number> = {}
  const said: Example[] = []
  let learned = 0
  for (const example of batch) {
    const reason = refusal(state.options, example) ?? take(state, example, said)
    if (reason) refused[reason] = (refused[reason] ?? 0) + 1
    else learned++
  }
  const head = state.head.learn(said)
  for (const [reason, count] of Object.entries(head.refused)) {
    refused[reason] = (refused[reason] ?? 0) + count
    learned -= count
  }
  const due = state.arrived >= Math.max(FIRST_ROUND, ROUND_PART * state.rows.size)
  const round = due ? moveFeatures(state) : {}
  const { adam, refusedUpdates } = state.training
  const counters = { rows: state.rows.size, updates: adam.steps, refused_updates: refusedUpdates }
  return {
    learned,
    refused,
    stats: { ...round, ...counters, items: state.head.blocks.size, evicted: head.stats.evicted },
  }
}

/** Why a revision can't be learned, by what it says alone: the same for every revision of a transition. */
function refusal(options: NeuralLinearOptions, { transition, state, candidates, action }: Example): string | undefined {
  if (transition.slot < 0 || transition.action.length !== 1) return 'slate'
  if (action < 0) return 'action_not_candidate'
  const vector = candidates[action]
  if (state.length !== options.stateDimensions || vector.length !== options.itemDimensions) return 'dimensions'
  const numbers = [transition.weight, ...Object.values(transition.cumulative)]
  if (![numbers, state, vector].every(isFiniteArray)) return 'not_finite'
  if (transition.weight < 0) return 'weight_negative'
  const small = (values: ArrayLike<number>): boolean =>
    Array.prototype.every.call(values, value => Math.abs(value) < LARGEST)
  return [numbers, state, vector].every(small) ? undefined : 'out_of_range'
}

/** Keeps what a revision says, and what the head is to learn of it in `said`. @returns why not, if not */
function take(state: State, example: Example, said: Example[]): string | undefined {
  const { transition_id: transitionId, kind, revision, cumulative } = example.transition
  const known = state.rows.get(transitionId)
  if (!known && kind !== 'initial') return 'late_unlearned'
  if (known && revision < known.revision) return undefined
  for (const component of Object.keys(cumulative))
    if (!state.components.has(component)) state.components.set(component, state.components.size)
  if (known) {
    const before = known.rewards
    known.revision = revision
    known.rewards = cumulative
    said.push(retold(known, before, see(state.features, known.state)))
    state.changed.set(rowName(known), known)
  } else addRow(state, example, said)
  return undefined
}

function addRow(state: State, { transition, state: encoded, candidates, action }: Example, said: Example[]): void {
  const row: Row = {
    transitionId: transition.transition_id,
    itemId: transition.action[0],
    order: state.rows.next,
    timeMs: transition.decision_time_ms,
    weight: transition.weight,
    state: encoded,
    vector: candidates[action],
    revision: transition.revision,
    rewards: transition.cumulative,
  }
  const gone = state.rows.add(row)
  if (gone) state.changed.set(rowName(gone), undefined)
  state.changed.set(rowName(row), row)
  state.arrived++
  said.push(told(row, see(state.features, encoded)))
}

/** One round: towers trained, head made anew. @returns statistics of the training */
function moveFeatures(state: State): Record<string, number> {
  const { options, training, rows } = state
  const all = [...rows]
  const map = createFeatureMap(
    mapOptions(options),
    standardisationOf(
      all.map(row => row.state),
      options.numbers,
    ),
  )
  const scalar = ({ rewards }: Row): number => scalarOf(rewards, options.weightOf)
  const spread = spreadOf(all, state.arrived, row => see(state.features, row.state).predict(row.vector) - scalar(row))
  // 1 while nothing but 0 has come
  const unit = rootMeanSquare(all.map(scalar)) || 1
  const target = { map, rewardOf: (row: Row) => scalar(row) / unit }
  const stats = trainRound(state.network, training, rows, target, options)
  for (const itemId of state.head.blocks.keys()) state.replaced.add(itemId)
  state.features = featuresOf(training, map, unit, spread)
  state.head = createHead(options.embedding, options.head)
  state.head.learn(all.map(row => told(row, see(state.features, row.state))))
  state.arrived = 0
  return { ...stats, spread }
}

/** Errors of the towers on the rows that came since they were trained, relative to those that they were trained on: what an
 * overfit leaves out of the noise. 1 where there are none of either. */
function spreadOf(rows: readonly Row[], arrived: number, errorOf: (row: Row) => number): number {
  const trained = rootMeanSquare(rows.slice(0, -arrived).map(errorOf))
  const fresh = rootMeanSquare(rows.slice(-arrived).map(errorOf))
  return trained > 0 ? Math.max(1, fresh / trained) : 1
}

const scalarOf = (rewards: Rewards, weightOf: ComponentWeights): number =>
  Object.keys(rewards)
    .sort()
    .reduce((sum, component) => sum + weightOf(component) * rewards[component], 0)

/** 0 for none. */
const rootMeanSquare = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / Math.max(1, values.length))

function snapshot(state: State, version: string, full: boolean): Checkpoint {
  const { options, training, features, components } = state
  const baseVersion = full ? null : state.version
  const moved = state.replaced.size > 0
  const head = nest(HEAD, state.head.snapshot(version, baseVersion === null || moved))
  const names = [...components.keys()]
  const rows =
    baseVersion === null
      ? Array.from(state.rows, row => encodeRow(row, names))
      : Array.from(state.changed, ([name, row]) => (row ? encodeRow(row, names) : removedTensor(name)))
  const gone = baseVersion === null ? [] : [...state.replaced].filter(itemId => !state.head.blocks.has(itemId))
  const trained = encodeTraining(training, options)
  state.changed.clear()
  state.replaced.clear()
  state.version = version
  return {
    baseVersion,
    parameters: {
      ...trained.parameters,
      ...mapParameters(mapOptions(options)),
      unit: features.unit,
      spread: features.spread,
      arrived: state.arrived,
      ...Object.fromEntries([...components].map(([component, index]) => [`component/${component}`, index])),
      ...head.parameters,
    },
    tensors: [
      ...trained.tensors,
      ...encodeFeatureMap(features.map),
      ...head.tensors,
      ...gone.map(itemId => removedTensor(HEAD + blockName(itemId))),
      ...rows,
    ],
  }
}

const mapParameters = ({
  stateDimensions,
  numbers,
  fourier,
  bandwidth,
  seed,
}: FeatureOptions): Record<string, number> => ({
  dimensions: stateDimensions,
  numbers_from: numbers.from,
  numbers_count: numbers.count,
  fourier,
  fourier_bandwidth: bandwidth,
  fourier_seed: seed,
})

function restore(state: State, model: ModelVersion): void {
  const { options, components } = state
  state.training = decodeTraining(model, options)
  state.features = decodeFeatures(model).features
  state.head = createHead(options.embedding, options.head)
  state.head.restore(nested(HEAD, model, 'linear-gaussian'))
  components.clear()
  for (const [component, index] of componentsOf(model.parameters)) components.set(component, index)
  const names = [...components.keys()]
  state.rows = createRows(
    options.bufferSize,
    model.tensors.filter(isRow).map(tensor => decodeRow(tensor, names)),
  )
  state.arrived = model.parameters.arrived
  state.changed.clear()
  state.replaced.clear()
  state.version = model.version
}
