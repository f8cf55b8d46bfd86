/** What a neural-linear learner holds. */
import type { ComponentWeights } from '../../models/linear.ts'
import { createFeatureMap, type FeatureOptions, type NumberRange, unknownScale } from '../linear/features.ts'
import type { LinearLearner } from '../linear/learner.ts'
import type { TensorFlow } from '../tensorflow.ts'
import { createNetwork, type Network } from '../towers/network.ts'
import type { Shape } from '../towers/parameters.ts'
import { createTowers } from '../towers/towers.ts'
import { startTraining, type Training } from '../towers/training.ts'
import type { Features } from './features.ts'
import { createHead, type HeadOptions } from './head.ts'
import { createRows, type Row, type Rows } from './rows.ts'
import type { TrainOptions } from './train.ts'

export interface NeuralLinearOptions extends Shape, TrainOptions {
  /** Where the numbers stand in the encoded state. */
  readonly numbers: NumberRange
  /** Rows kept. */
  readonly bufferSize: number
  /** Of the reward's components, range applied. */
  readonly weightOf: ComponentWeights
  readonly head: HeadOptions
}

export interface State {
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

export function startState(options: NeuralLinearOptions, tensorflow: TensorFlow): State {
  const training = startTraining(options, options.seed)
  const input = mapOptions(options)
  const map = createFeatureMap(input, unknownScale(input))
  return {
    options,
    network: createNetwork(tensorflow, options),
    training,
    rows: createRows(options.bufferSize),
    features: { map, towers: createTowers(training.weights), unit: 1, spread: 1 },
    head: createHead(options.embedding, options.head),
    arrived: 0,
    components: new Map(),
    changed: new Map(),
    replaced: new Set(),
    version: null,
  }
}

/** Numbers are standardised; curves are the towers' business. */
export const mapOptions = ({ stateDimensions, numbers }: NeuralLinearOptions): FeatureOptions => ({
  stateDimensions,
  numbers,
  fourier: 0,
  bandwidth: 1,
  seed: 0,
})
