/**
 * A policy that starts as the baseline: what a baseline chose (apprentice, logging only) without exact propensities is not
 * refused but imitated, from a buffer of its own, by the cross-entropy of the logged choice, −log π(a) (behavioural
 * cloning, Pomerleau 1991). The value learned beside is that of who logged, r + γ V(s').
 */
import { createRandom, seedOf } from '../../state/random.ts'
import type { Example } from '../learner.ts'
import { createBuffer, type Entry } from '../replay/buffer.ts'
import { headOf, interleaved } from '../towers/heads.ts'
import { stateValue } from '../towers/towers.ts'
import type { Weights } from './actor-critic.ts'
import type { Batch, Loss, Method, Now } from './method.ts'
import { softmax } from './softmax.ts'

export interface ImitationOptions {
  readonly batchSize: number
  readonly bufferSize: number
  readonly stepsPerBatch: number
  readonly valueLoss: number
  readonly seed: number
  /** A transition waits for its continuation. */
  readonly bootstraps: boolean
  /** Logits of a candidate, the first of which is the policy's. Default 1. */
  readonly heads?: number
}

/** By what a transition says alone. What a rule put there is nobody's choice. */
const isImitated = ({ transition: { mode, propensity_kind: kind, chosen_by: by } }: Example): boolean =>
  mode !== 'online' && kind !== 'exact' && by !== 'pinned'

/** The method, with imitation of what it would refuse. Its steps come first. */
export function withImitation(method: Method, options: ImitationOptions): Method {
  const buffer = createBuffer(options.bufferSize, options.bootstraps)
  let arrived = 0
  return {
    ...method,
    // what is imitated is others', and is used over and over
    onPolicy: false,
    take(example, now) {
      if (!isImitated(example)) return method.take(example, now)
      if (buffer.put(example) < 0) return 'late_unlearned'
      arrived++
      method.pass?.(example)
      return undefined
    },
    *batches(taken, now) {
      const imitated = arrived
      arrived = 0
      for (let left = options.stepsPerBatch * Math.ceil(imitated / options.batchSize); left > 0; left--) {
        const random = createRandom(seedOf(`${options.seed}/imitation/${now.draws() + 1}`))
        const entries = buffer.sample(random, Math.min(options.batchSize, buffer.size))
        if (entries.length > 0) yield imitationBatch(entries, now, options)
      }
      yield* method.batches(taken - imitated, now)
    },
    recall(example) {
      if (isImitated(example)) buffer.put(example)
      else method.recall(example)
    },
    holds: id => buffer.holds(id) || method.holds(id),
    stats() {
      const { buffer: own = 0, ...rest } = method.stats()
      return { ...rest, buffer: own + buffer.size }
    },
  }
}

function imitationBatch(
  entries: readonly Entry[],
  { weights, valueUnit }: Now,
  { valueLoss, heads = 1 }: ImitationOptions,
): Batch {
  const choices = entries.map(({ example, reward, discount, nextState }) => ({
    action: example.action,
    candidates: example.candidates.length,
    weight: example.transition.weight,
    target: reward + (discount && nextState ? discount * stateValue(weights, nextState) : 0),
  }))
  return {
    decisions: entries.map(({ example }) => example),
    loss(logits, values) {
      const loss = imitationLoss(choices, headOf(logits, 0, heads), values, { valueLoss, valueUnit })
      const others = Array.from({ length: heads - 1 }, () => new Float32Array(loss.logitGradient.length))
      return { ...loss, logitGradient: interleaved([loss.logitGradient, ...others]) }
    },
  }
}

export interface Choice {
  /** Index of the chosen candidate. */
  readonly action: number
  readonly candidates: number
  readonly weight: number
  /** Of the value. */
  readonly target: number
}

/** −log π(a) + c ½ ((V − v)/σ_v)², weighted and averaged. @param logits [B, K] @param values [B] */
export function imitationLoss(
  choices: readonly Choice[],
  logits: Float32Array,
  values: Float32Array,
  { valueLoss, valueUnit }: Pick<Weights, 'valueLoss' | 'valueUnit'>,
): Loss {
  const width = logits.length / choices.length
  const logitGradient = new Float32Array(logits.length)
  const valueGradient = new Float32Array(choices.length)
  const probabilities = new Float64Array(width)
  let loss = 0
  choices.forEach(({ action, candidates, weight, target }, b) => {
    const scale = weight / choices.length
    softmax(logits, b * width, candidates, probabilities)
    for (let k = 0; k < candidates; k++)
      logitGradient[b * width + k] = scale * (probabilities[k] - (k === action ? 1 : 0))
    valueGradient[b] = (scale * valueLoss * (values[b] - target)) / valueUnit ** 2
    loss -= scale * Math.log(probabilities[action])
  })
  const valueTargets = Float64Array.from(choices, ({ target }) => target)
  return { logitGradient, valueGradient, valueTargets, stats: { imitation_loss: loss } }
}
