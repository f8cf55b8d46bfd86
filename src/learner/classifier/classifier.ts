/**
 * The smallest policy that learns: a softmax classifier from a state to one of a few actions, by cross-entropy and Adam. With a
 * weight of 1 it imitates (behavioural cloning, Pomerleau 1991); with reward over propensity it raises an estimate of what it earns
 * (policy learning as weighted classification, Dudík et al. 2011). A baseline for the learners that do more: it keeps nothing
 * but its weights, so what it learned once stays learned, and late rewards are not its business.
 */
import type { ModelVersion, Tensor } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import type { Checkpoint } from '../learner.ts'
import type { TensorFlow } from '../tensorflow.ts'
import { decodeTensor, encodeTensor, isFiniteArray } from '../tensors.ts'
import { type AdamState, adamStep } from '../towers/adam.ts'
import {
  crossEntropy,
  initialWeights,
  type Labelled,
  makeWeights,
  type Shape,
  sizeOf,
  type Weights,
  weightNames,
  weightShapes,
} from './network.ts'

export interface ClassifierOptions extends Shape {
  readonly seed: number
  /** Default .001. */
  readonly learningRate?: number
  /** Gradients are scaled down to this global norm. Default 10. */
  readonly maxGradientNorm?: number
}

export interface Classifier {
  /** One step of Adam. @returns the loss before it; NaN for one that was not finite and changed nothing */
  train(batch: Labelled): number
  /** π(· | state), on plain arrays: one state is faster so than on any backend. */
  probabilities(state: ArrayLike<number>): Float64Array
  snapshot(): Checkpoint
  /** @throws FeedloopError MODEL_INCOMPATIBLE */
  restore(model: Pick<ModelVersion, 'version' | 'parameters' | 'tensors'>): void
}

export function createClassifier(options: ClassifierOptions, tensorflow: TensorFlow): Classifier {
  const { seed, learningRate = 0.001, maxGradientNorm = 10 } = options
  const zeros = (): Weights => makeWeights(options, (_, dimensions) => new Float32Array(sizeOf(dimensions)))
  let weights = initialWeights(options, seed)
  let adam: AdamState<Weights> = { first: zeros(), second: zeros(), steps: 0 }
  return {
    train(batch) {
      const { loss, gradients } = crossEntropy(tensorflow, options, weights, batch)
      return adamStep(weights, gradients, adam, { learningRate, maxGradientNorm }) === null ? Number.NaN : loss
    },
    probabilities: state => forward(options, weights, state),
    snapshot: () => ({
      baseVersion: null,
      parameters: { adam_steps: adam.steps },
      tensors: groups.flatMap(group => encode(group, { weights, ...adam }[group], options)),
    }),
    restore(model) {
      const [read, first, second] = groups.map(group => decode(model, group, options))
      weights = read
      adam = { first, second, steps: model.parameters.adam_steps }
    },
  }
}

const groups = ['weights', 'first', 'second'] as const
type Group = (typeof groups)[number]

/** A softmax whose largest logit is subtracted. */
function forward(shape: Shape, weights: Weights, state: ArrayLike<number>): Float64Array {
  const logits = logitsOf(shape, weights, state)
  const highest = logits.reduce((most, logit) => Math.max(most, logit))
  const odds = logits.map(logit => Math.exp(logit - highest))
  const total = odds.reduce((sum, each) => sum + each, 0)
  return odds.map(each => each / total)
}

/** One a class, on plain arrays. */
export function logitsOf({ inputs, hidden, actions }: Shape, weights: Weights, state: ArrayLike<number>): Float64Array {
  const layer = (from: ArrayLike<number>, w: Float32Array, bias: Float32Array, count: number, size: number) => {
    const out = Float64Array.from(bias)
    for (let i = 0; i < count; i++)
      if (from[i] !== 0) for (let j = 0; j < size; j++) out[j] += from[i] * w[i * size + j]
    return out
  }
  const units = layer(state, weights['hidden/weights'], weights['hidden/bias'], inputs, hidden)
  for (let j = 0; j < hidden; j++) units[j] = Math.max(0, units[j])
  return layer(units, weights['output/weights'], weights['output/bias'], hidden, actions)
}

/** What serves of a version. @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE */
export function decodeWeights(model: Pick<ModelVersion, 'version' | 'tensors'>): {
  readonly shape: Shape
  readonly weights: Weights
} {
  const sizes = (name: string) => model.tensors.find(each => each.name === `weights/${name}`)?.shape ?? []
  const [[inputs = 0, hidden = 0], [, actions = 0]] = [sizes('hidden/weights'), sizes('output/weights')]
  const shape = { inputs, hidden, actions }
  const weights = decode(model, 'weights', shape)
  if (!weightNames.every(name => isFiniteArray(weights[name])))
    throw new FeedloopError('MODEL_NOT_FINITE', `version ${model.version}: weights`)
  return { shape, weights }
}

const encode = (group: Group, weights: Weights, shape: Shape): Tensor[] =>
  weightNames.map(name => encodeTensor(`${group}/${name}`, weights[name].slice(), weightShapes(shape)[name]))

function decode(model: Pick<ModelVersion, 'version' | 'tensors'>, group: Group, shape: Shape): Weights {
  return makeWeights(shape, (name, dimensions) => {
    const tensor = model.tensors.find(each => each.name === `${group}/${name}`)
    if (tensor?.shape.join() === dimensions.join()) return decodeTensor(tensor, 'float32')
    const found = tensor ? tensor.shape.join('x') : 'absent'
    const wanted = dimensions.join('x')
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${model.version}: ${group}/${name} is ${found}, not ${wanted}`,
    )
  })
}
