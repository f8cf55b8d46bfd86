/**
 * The frame of all learners that follow gradients of the two towers (class `replace`): it refuses what is malformed, lets
 * the method take the rest, and makes the steps that the method asks for: network forward, the method's loss, backward,
 * Adam with clipping. A step that is not finite, or that the method's own bounds refuse, changes nothing and is counted.
 * A checkpoint holds weights, Adam's moments, the step counter (all the random state there is) and what the method adds;
 * transitions kept for replay, or that wait for their turn, are not in it. After a restart they come back from disk where there is one (src/learner/replay/keeper.ts);
 * else learning goes on from the same weights with an empty buffer, and late rewards of transitions learned before are counted `late_unlearned`.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import type { Example, Learner } from '../learner.ts'
import type { TensorFlow } from '../tensorflow.ts'
import { type AdamOptions, adamStep } from '../towers/adam.ts'
import { createNetwork } from '../towers/network.ts'
import { type ParameterName, type Shape, valueHead } from '../towers/parameters.ts'
import { decodeTraining, encodeTraining, startTraining, type Training } from '../towers/training.ts'
import { networkBatch } from './batch.ts'
import type { Batch, Loss, Method, Now } from './method.ts'
import { createScale } from './scale.ts'

export interface GradientOptions extends Shape, AdamOptions {
  readonly seed: number
}

export function gradientLearner(options: GradientOptions, tensorflow: TensorFlow, method: Method): Learner {
  const network = createNetwork(tensorflow, options)
  let training = startTraining(options, options.seed)
  let version = 0
  const valueScale = createScale('value_square')
  const refusedSteps: Record<string, number> = {}
  const now: Now = {
    get weights() {
      return training.weights
    },
    network,
    get version() {
      return version
    },
    get valueUnit() {
      return valueScale.size
    },
    draws: () => training.draws,
  }
  const step = (batch: Batch): Readonly<Record<string, number>> => {
    training.draws++
    let loss: Loss | undefined
    const at = batch.at ?? training.weights
    const gradients = network.gradients(at, networkBatch(batch.decisions, options), (logits, values) => {
      loss = batch.loss(logits, values)
      if (loss.valueTargets && !valueScale.isKnown) {
        // of the first batch sizes are known only now
        valueScale.observe(loss.valueTargets)
        loss = batch.loss(logits, values)
      }
      return loss
    })
    const units = loss!.valueTargets && unitsOf(method.valued ?? valueHead, valueScale.size)
    const norm = loss!.refused ? null : adamStep(training.weights, gradients, training.adam, options, units)
    if (norm !== null) {
      const unit = loss!.valueTargets && { value_unit: valueScale.size }
      if (loss!.valueTargets) valueScale.observe(loss!.valueTargets)
      if (loss!.withheld) count(refusedSteps, `withheld_updates_${loss!.withheld}`)
      return { ...loss!.stats, ...unit, gradient_norm: norm }
    }
    if (!loss!.refused) {
      training.refusedUpdates++
      return {}
    }
    count(refusedSteps, `refused_updates_${loss!.refused}`)
    return loss!.stats
  }
  return {
    algorithm: method.algorithm,
    revisions: 'replace',
    usesCandidates: true,
    usesNextCandidates: method.usesNextCandidates ?? false,
    onPolicy: method.onPolicy ?? false,
    learn(examples) {
      const { choices, slates, taken, refused } = takeAll(options, method, examples, now)
      const stats: Record<string, number> = {}
      for (const batch of method.batches(choices, now)) Object.assign(stats, step(batch))
      return {
        learned: choices + slates,
        refused,
        dropped: method.dropped?.(),
        stats: { ...stats, ...method.stats(), ...countersOf(training), ...refusedSteps },
        taken,
      }
    },
    recall(examples, left) {
      method.left?.recall(left)
      for (const example of examples)
        if (isWhole(example)) takeSlate(method, example)
        else if (!malformed(options, example)) method.recall(example)
    },
    holds: method.holds,
    left: method.left?.ids,
    snapshot(name) {
      version = Number(name)
      const { parameters, tensors } = encodeTraining(training, options)
      const own = method.snapshot(now)
      return {
        baseVersion: null,
        parameters: { ...parameters, ...valueScale.snapshot(), ...own.parameters },
        tensors: [...tensors, ...own.tensors],
      }
    },
    restore(model: ModelVersion) {
      training = decodeTraining(model, options)
      version = Number(model.version)
      valueScale.restore(model)
      method.restore(model, now)
    },
  }
}

const unitsOf = (names: readonly ParameterName[], unit: number) => Object.fromEntries(names.map(name => [name, unit]))

const countersOf = ({ adam, refusedUpdates }: Training) => ({ updates: adam.steps, refused_updates: refusedUpdates })

interface Taken {
  readonly choices: number
  /** As wholes. */
  readonly slates: number
  /** Of both those that change what is held. */
  readonly taken: readonly Example[]
  /** Revisions that were not taken, by reason. */
  readonly refused: Record<string, number>
}

function takeAll(shape: Shape, method: Method, examples: readonly Example[], now: Now): Taken {
  const refused: Record<string, number> = {}
  const taken: Example[] = []
  const counts = { choices: 0, slates: 0 }
  for (const example of examples) {
    const { kind, transition_id: id } = example.transition
    const isRepeated = kind === 'initial' && method.holds(id)
    const reason = isWhole(example)
      ? takeSlate(method, example)
      : (malformed(shape, example) ?? method.take(example, now))
    if (reason) {
      count(refused, reason)
      method.pass?.(example)
      continue
    }
    counts[isWhole(example) ? 'slates' : 'choices']++
    if (!isRepeated) taken.push(example)
  }
  return { ...counts, taken, refused }
}

/** What a slate of several slots earned in all. */
const isWhole = ({ transition }: Example): boolean => transition.slot < 0

const takeSlate = (method: Method, example: Example): string | undefined =>
  method.takeSlate ? (notFinite(example) ?? method.takeSlate(example)) : 'slate'

/** Why a revision can't be learned by any method. */
function malformed({ stateDimensions, itemDimensions }: Shape, example: Example): string | undefined {
  const { transition, state, candidates, action, nextState, nextCandidates } = example
  if (transition.action.length !== 1) return 'slate'
  if (action < 0) return 'action_not_candidate'
  const fits =
    [state, ...(nextState ? [nextState] : [])].every(each => each.length === stateDimensions) &&
    [candidates, nextCandidates ?? []].every(list => list.every(vector => vector.length === itemDimensions))
  if (!fits) return 'dimensions'
  return notFinite(example)
}

/** A number beyond what the network can hold. */
function notFinite(example: Example): string | undefined {
  const { transition, state, candidates, nextState, nextCandidates } = example
  const numbers = [example.reward, transition.weight, transition.discount ?? 0]
  const finite = [numbers, state, nextState ?? [], ...candidates, ...(nextCandidates ?? [])].every(isFiniteAsFloat32)
  return finite ? undefined : 'not_finite'
}

/** As the network sees it: 1e39 is a number, but none of float32. */
const isFiniteAsFloat32 = (values: ArrayLike<number>): boolean => {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(Math.fround(values[i]))) return false
  return true
}

function count(counts: Record<string, number>, name: string, times = 1): void {
  if (times > 0) counts[name] = (counts[name] ?? 0) + times
}

/** A number of a version's parameters. @throws FeedloopError MODEL_INCOMPATIBLE when it is absent or not finite */
export function parameterOf(model: ModelVersion, name: string): number {
  const value = model.parameters[name]
  if (!Number.isFinite(value))
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: parameter ${name} is missing`)
  return value
}
