/**
 * The two-tower softmax policy with a value head, learned off-policy from a buffer (class `replace`): each batch of
 * revisions first updates the buffer, then gradient steps are taken on uniform draws from it (objective.ts), with Adam.
 * Importance weights need the true propensity of the shown item: every kind but `exact` is refused. For slots after the
 * first π and μ are those of a first draw. With `imitate`, what a baseline chose (apprentice, logging only) without exact
 * propensities is not refused but imitated, from a buffer of its own: the policy starts as the baseline.
 * A checkpoint holds weights, Adam moments and the step counter, which is all the random state there is; the buffer is
 * not in it. After a restart learning goes on from the same weights with an empty buffer: late rewards of transitions
 * learned before are counted `late_unlearned`.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { createRandom, seedOf } from '../../state/random.ts'
import type { Checkpoint, Example, Learner, LearnStats } from '../learner.ts'
import { weightStatistics } from '../statistics.ts'
import { loadTensorFlow, type TensorFlow } from '../tensorflow.ts'
import { isFiniteArray } from '../tensors.ts'
import { adamStep } from './adam.ts'
import { type Buffer, createBuffer, type Entry } from './buffer.ts'
import { createNetwork, type Network, type NetworkBatch } from './network.ts'
import { type Goal, type ObjectiveResult, objective } from './objective.ts'
import type { Parameters, Shape } from './parameters.ts'
import { stateValue } from './towers.ts'
import { decodeTraining, encodeTraining, startTraining, type Training } from './training.ts'

export interface TwoTowerOptions extends Shape {
  readonly learningRate: number
  readonly batchSize: number
  readonly bufferSize: number
  /** Gradient steps for each `batchSize` of newly arrived revisions, or part of it. */
  readonly stepsPerBatch: number
  readonly maxImportanceWeight: number
  readonly entropy: number
  readonly valueLoss: number
  readonly maxGradientNorm: number
  readonly seed: number
  /** The policy discounts what comes after: a transition waits for its continuation. */
  readonly bootstraps: boolean
  /** Logs of a baseline without exact propensities are imitated. */
  readonly imitate: boolean
}

interface State {
  readonly options: TwoTowerOptions
  readonly network: Network
  /** What is drawn from to learn each goal. */
  readonly buffers: Readonly<Record<Goal, Buffer>>
  training: Training
  /** Running mean of squared advantages; 0: none seen yet. */
  advantageSquare: number
}

/** Weight of the newest batch in the running mean of squared advantages. */
const SCALE_RATE = 0.02

/** @throws FeedloopError BACKEND_UNAVAILABLE */
export const createTwoTowerLearner = async (options: TwoTowerOptions): Promise<Learner> =>
  twoTowerLearner(options, await loadTensorFlow())

export function twoTowerLearner(options: TwoTowerOptions, tensorflow: TensorFlow): Learner {
  const state: State = {
    options,
    network: createNetwork(tensorflow, options),
    buffers: {
      reward: createBuffer(options.bufferSize, options.bootstraps),
      imitation: createBuffer(options.bufferSize, options.bootstraps),
    },
    training: startTraining(options, options.seed),
    advantageSquare: 0,
  }
  return {
    algorithm: 'two-tower',
    revisions: 'replace',
    usesCandidates: true,
    learn: batch => learn(state, batch),
    snapshot: () => snapshot(state),
    restore: model => restore(state, model),
  }
}

function learn(state: State, batch: readonly Example[]): LearnStats {
  const refused: Record<string, number> = {}
  const learned = { reward: 0, imitation: 0 }
  for (const example of batch) {
    const goal = goalOf(state.options, example)
    const reason =
      refusal(state.options, example, goal) ?? (state.buffers[goal].put(example) ? undefined : 'late_unlearned')
    if (reason) refused[reason] = (refused[reason] ?? 0) + 1
    else learned[goal]++
  }
  const stats: Record<string, number> = {}
  for (const goal of ['imitation', 'reward'] as const) {
    const steps = state.options.stepsPerBatch * Math.ceil(learned[goal] / state.options.batchSize)
    for (let i = 0; i < steps; i++) Object.assign(stats, trainStep(state, goal))
  }
  const buffer = state.buffers.reward.size + state.buffers.imitation.size
  const { adam, refusedUpdates } = state.training
  const counters = { buffer, updates: adam.steps, refused_updates: refusedUpdates }
  return { learned: learned.reward + learned.imitation, refused, stats: { ...stats, ...counters } }
}

/** What a transition teaches, by what it says alone. */
const goalOf = ({ imitate }: TwoTowerOptions, { transition: { mode, propensity_kind: kind } }: Example): Goal =>
  imitate && mode !== 'online' && kind !== 'exact' ? 'imitation' : 'reward'

/** Why a revision can't be learned, by what it says alone: the same for every revision of a transition. */
function refusal(options: TwoTowerOptions, example: Example, goal: Goal): string | undefined {
  const { transition, state, candidates, action, nextState } = example
  if (goal === 'reward' && transition.propensity_kind !== 'exact') return 'propensity_not_exact'
  if (transition.slot < 0 || transition.action.length !== 1) return 'slate'
  if (action < 0) return 'action_not_candidate'
  const propensity = transition.first_draw_propensity
  if (goal === 'reward' && !(propensity > 0 && propensity <= 1)) return 'propensity_invalid'
  const fits =
    state.length === options.stateDimensions && candidates.every(vector => vector.length === options.itemDimensions)
  if (!fits) return 'dimensions'
  const numbers = [example.reward, transition.weight, transition.discount ?? 0]
  const finite = [numbers, state, nextState ?? [], ...candidates].every(isFiniteArray)
  return finite ? undefined : 'not_finite'
}

/** One update from a draw of the goal's buffer. @returns its statistics; none when nothing can be learned yet */
function trainStep(state: State, goal: Goal): Record<string, number> {
  const { options, training } = state
  const buffer = state.buffers[goal]
  const random = createRandom(seedOf(`${options.seed}/draw/${++training.draws}`))
  const entries = buffer.sample(random, Math.min(options.batchSize, buffer.size))
  if (entries.length === 0) return {}
  const items = entries.map(entry => batchItem(training.weights, entry))
  let result: ObjectiveResult | undefined
  const advantageScale = state.advantageSquare > 0 ? Math.sqrt(state.advantageSquare) : 1
  const gradients = state.network.gradients(training.weights, networkBatch(entries, options), (logits, values) => {
    result = objective(items, logits, values, { ...options, goal, advantageScale })
    return result
  })
  const norm = adamStep(training.weights, gradients, training.adam, options)
  if (norm === null || !result) {
    training.refusedUpdates++
    return {}
  }
  if (goal === 'imitation') return { imitation_loss: result.policyLoss, gradient_norm: norm }
  const { loss, policyLoss, valueLoss, entropy, importance, weights, advantageSquare } = result
  state.advantageSquare += (state.advantageSquare === 0 ? 1 : SCALE_RATE) * (advantageSquare - state.advantageSquare)
  const terms = { loss, policy_loss: policyLoss, value_loss: valueLoss, entropy, importance }
  return { ...terms, gradient_norm: norm, td_error: Math.sqrt(advantageSquare), ...weightStatistics(weights) }
}

const batchItem = (weights: Parameters, { example, reward, discount, nextState }: Entry) => ({
  action: example.action,
  candidates: example.candidates.length,
  propensity: example.transition.first_draw_propensity,
  reward,
  discount: discount ?? 0,
  nextValue: discount && nextState ? stateValue(weights, nextState) : 0,
  weight: example.transition.weight,
})

function networkBatch(entries: readonly Entry[], { stateDimensions, itemDimensions }: Shape): NetworkBatch {
  const size = entries.length
  const candidates = entries.reduce((most, entry) => Math.max(most, entry.example.candidates.length), 0)
  const states = new Float32Array(size * stateDimensions)
  const items = new Float32Array(size * candidates * itemDimensions)
  entries.forEach(({ example }, b) => {
    states.set(example.state, b * stateDimensions)
    example.candidates.forEach((vector, k) => {
      items.set(vector, (b * candidates + k) * itemDimensions)
    })
  })
  return { states, items, size, candidates }
}

function snapshot({ options, training, advantageSquare }: State): Checkpoint {
  const { parameters, tensors } = encodeTraining(training, options)
  return { baseVersion: null, parameters: { ...parameters, advantage_square: advantageSquare }, tensors }
}

function restore(state: State, model: ModelVersion): void {
  const { advantage_square } = model.parameters
  if (!(advantage_square >= 0))
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: counters are missing`)
  state.training = decodeTraining(model, state.options)
  state.advantageSquare = advantage_square
}
