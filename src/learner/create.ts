/** The learner that a policy's configuration names. TensorFlow.js is loaded only for the learner that needs it. */
import type { Config, PolicyConfig } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import { componentWeights } from '../models/load.ts'
import { topics } from '../pipeline.ts'
import type { StateEncoder } from '../state/encode.ts'
import type { AlgorithmName } from './algorithms.ts'
import { type BaggedLearner, createBaggedLearner } from './ensemble/learner.ts'
import type { Learner } from './learner.ts'
import { createLinearLearner, type LinearLearner, type LinearOptions } from './linear/learner.ts'
import { type NeuralLinearLearner, neuralLinearLearner } from './neural-linear/learner.ts'
import { rowBytes } from './neural-linear/rows.ts'
import { loadTensorFlow, type TensorFlow } from './tensorflow.ts'
import { isRow as isWaiting } from './waiting.ts'
import { weighing } from './weighing.ts'

/** Part of the topic's batch bound that tensors may fill; the rest is for the record around them. */
const CHECKPOINT_PART = 0.9

/** @throws FeedloopError BACKEND_UNAVAILABLE */
export async function createLearner(config: Config, policy: PolicyConfig, encoder: StateEncoder): Promise<Learner> {
  const { algorithm } = policy
  if (algorithm === 'linear-gaussian') return weighed(createLinear(policy, encoder), policy)
  if (algorithm === 'bagged-linear') return createBagged(policy, encoder)
  if (algorithm === 'neural-linear') return createNeuralLinear(config, policy, encoder, await loadTensorFlow())
  return byGradient[algorithm](policy, {
    stateDimensions: encoder.dimensions,
    itemDimensions: config.features.dimensions,
    bootstraps: policy.gamma > 0,
  })
}

/** What the world says of the towers, beside what the configuration does. */
interface World {
  readonly stateDimensions: number
  readonly itemDimensions: number
  readonly bootstraps: boolean
}

type ByGradient = Exclude<AlgorithmName, 'linear-gaussian' | 'bagged-linear' | 'neural-linear'>

/** Each is loaded only where it learns. */
const byGradient: Readonly<Record<ByGradient, (policy: PolicyConfig, world: World) => Promise<Learner>>> = {
  'two-tower': async ({ twoTower }, world) =>
    (await import('./two-tower/learner.ts')).createTwoTowerLearner({ ...twoTower, ...world }),
  'v-trace': async ({ vTrace }, world) =>
    (await import('./v-trace/learner.ts')).createVTraceLearner({ ...vTrace, ...world }),
  reinforce: async ({ reinforce }, world) =>
    (await import('./reinforce/learner.ts')).createReinforceLearner({ ...reinforce, ...world }),
  ppo: async ({ ppo }, world) => (await import('./ppo/learner.ts')).createPpoLearner({ ...ppo, ...world }),
  a3c: async ({ a3c }, world) => (await import('./a3c/learner.ts')).createA3cLearner({ ...a3c, ...world }),
  dqn: async ({ dqn }, world) => (await import('./dqn/learner.ts')).createDqnLearner({ ...dqn, ...world }),
  'slate-q': async ({ slateQ }, world) => {
    const { createSlateQLearner } = await import('./slate-q/learner.ts')
    return createSlateQLearner({ ...slateQ, ...world, isTaken: component => slateQ.choices.includes(component) })
  },
  classifier: async ({ classifier }, { stateDimensions }) =>
    (await import('./classifier/learner.ts')).createClassifierLearner({ ...classifier, stateDimensions }),
}

/** The learner with the weighing that the policy wants. */
export function weighed(
  learner: Learner,
  { weighing: wanted, rewards, attributionWindowMs, rewardRange }: PolicyConfig,
): Learner {
  const { delays, positions, maxWaiting } = wanted
  if (!delays && !positions) return withoutWaiting(learner)
  const components = Object.entries(rewards).filter(([, { cancels }]) => !cancels)
  const weights = Object.fromEntries(components.map(([type, { weight }]) => [type, weight]))
  return weighing(learner, {
    windowMs: delays ? attributionWindowMs : 0,
    weights,
    positions,
    maxWaiting,
    ranged: rewardRange !== undefined,
  })
}

/** Refuses versions in which decisions wait: nobody would count them. */
const withoutWaiting = (learner: Learner): Learner => ({
  ...learner,
  restore(model) {
    const waiting = model.tensors.filter(isWaiting).length
    if (waiting > 0)
      throw new FeedloopError(
        'MODEL_INCOMPATIBLE',
        `version ${model.version}: ${waiting} decisions wait for late rewards. Run with weighing.delays and maxWaiting: 0 ` +
          'until a version is published, then turn it off',
      )
    learner.restore(model)
  },
})

/** @param published false: there are no checkpoints, whose bound caps the items */
export const createLinear = (policy: PolicyConfig, encoder: StateEncoder, published = true): LinearLearner =>
  createLinearLearner(linearOptions(policy, encoder, published))

/** @param published false: there are no checkpoints, whose bound caps the items of all members together */
export const createBagged = (policy: PolicyConfig, encoder: StateEncoder, published = true): BaggedLearner =>
  createBaggedLearner(linearOptions(policy, encoder, published), policy.baggedLinear.members)

/** @param published false: there are no checkpoints, whose bound caps rows and items */
export function createNeuralLinear(
  config: Config,
  policy: PolicyConfig,
  encoder: StateEncoder,
  tensorflow: TensorFlow,
  published = true,
): NeuralLinearLearner {
  const { bufferSize, ...options } = policy.neuralLinear
  const { priorPrecision, maxItems, halfLifeMs, maxCheckpointBytes } = linearOptions(policy, encoder, published)
  const sizes = { stateDimensions: encoder.dimensions, itemDimensions: config.features.dimensions }
  const components = Object.keys(policy.rewards).length + 1
  // rows and items share the checkpoint; the towers take little of it
  const half = maxCheckpointBytes / 2
  const fits = Math.floor(half / rowBytes(sizes.stateDimensions, sizes.itemDimensions, components))
  const made = {
    ...options,
    ...sizes,
    bufferSize: Math.min(bufferSize, fits),
    numbers: encoder.numbers,
    weightOf: componentWeights(policy.rewards, policy.rewardRange),
    head: { priorPrecision, maxItems, halfLifeMs, maxCheckpointBytes: half },
  }
  return neuralLinearLearner(made, tensorflow)
}

function linearOptions(policy: PolicyConfig, encoder: StateEncoder, published: boolean): LinearOptions {
  const { fourier, estimatePrior, detectChanges, ...options } = policy.linearGaussian
  // what the first decisions say of Fourier features is that they are smooth: an estimate would hold on to that
  const estimates = estimatePrior && encoder.numbers.count === 0
  const weightOf = componentWeights(policy.rewards, policy.rewardRange)
  return {
    ...options,
    estimate: estimates ? weightOf : undefined,
    history: estimates && encoder.history.count > 0 ? encoder.history : undefined,
    watch: detectChanges ? weightOf : undefined,
    features: {
      stateDimensions: encoder.dimensions,
      numbers: encoder.numbers,
      fourier: fourier.features,
      bandwidth: fourier.bandwidth,
      seed: fourier.seed,
    },
    maxCheckpointBytes: published ? CHECKPOINT_PART * topics.models.maxBatchBytes : Number.POSITIVE_INFINITY,
  }
}
