/**
 * The two-tower softmax policy with a value head, learned off-policy from a buffer: each batch of revisions first updates
 * the buffer, then gradient steps are taken on uniform draws from it (objective.ts). Importance weights need the true
 * propensity of the shown item: every kind but `exact` is refused, or imitated (src/learner/gradient/imitation.ts). For
 * slots after the first π and μ are those of a first draw.
 */
import { createRandom, type Random, seedOf } from '../../state/random.ts'
import { type ImitationOptions, withImitation } from '../gradient/imitation.ts'
import { type GradientOptions, gradientLearner } from '../gradient/learner.ts'
import type { Batch, Method, Now } from '../gradient/method.ts'
import { unweighable } from '../gradient/propensities.ts'
import { createScale } from '../gradient/scale.ts'
import type { Example, Learner } from '../learner.ts'
import { createBuffer, type Entry } from '../replay/buffer.ts'
import { loadTensorFlow, type TensorFlow } from '../tensorflow.ts'
import type { Parameters } from '../towers/parameters.ts'
import { stateValue } from '../towers/towers.ts'
import { headsOf } from './advantages.ts'
import { type Baseline, createBaseline, criticInFull } from './baseline.ts'
import { withDropout } from './dropout.ts'
import { objective } from './objective.ts'

/** `bootstraps`: the policy discounts what comes after. */
export interface TwoTowerOptions extends Omit<GradientOptions, 'heads'>, Omit<ImitationOptions, 'heads'> {
  readonly maxImportanceWeight: number
  /** Share of a sparse state's inputs that a step does without (dropout.ts). */
  readonly dropout: number
  readonly entropy: number
  /** Logs of a baseline without exact propensities are imitated. */
  readonly imitate: boolean
}

/** @throws FeedloopError BACKEND_UNAVAILABLE */
export const createTwoTowerLearner = async (options: TwoTowerOptions): Promise<Learner> =>
  twoTowerLearner(options, await loadTensorFlow())

export function twoTowerLearner(options: TwoTowerOptions, tensorflow: TensorFlow): Learner {
  // with γ > 0 a state that lacks something is another state
  const shaped = { ...options, heads: headsOf(options), dropout: options.bootstraps ? 0 : options.dropout }
  const method = twoTowerMethod(shaped)
  return gradientLearner(shaped, tensorflow, options.imitate ? withImitation(method, shaped) : method)
}

function twoTowerMethod(options: TwoTowerOptions & { readonly heads: 1 | 2 }): Method {
  const { batchSize, stepsPerBatch, seed, bootstraps } = options
  const buffer = createBuffer(options.bufferSize, bootstraps)
  const scale = createScale('advantage_square')
  // with γ > 0 values are half of the outcome
  const baseline = bootstraps ? criticInFull : createBaseline()
  const batch = (entries: readonly Entry[], random: Random, now: Now): Batch => {
    const items = entries.map(entry => batchItem(now.weights, entry, baseline))
    return {
      decisions: entries.map(({ example }) => withDropout(example, options.dropout, random)),
      loss(outputs, values) {
        const result = objective(items, outputs, values, {
          ...options,
          advantageScale: scale.size,
          valueUnit: now.valueUnit,
          baseline: baseline.of,
        })
        scale.observe(result.advantages)
        baseline.observe(result.outcomes)
        return result
      },
    }
  }
  const take = (example: Example): string | undefined =>
    unweighable(example) ?? (buffer.put(example) < 0 ? 'late_unlearned' : undefined)
  return {
    algorithm: 'two-tower',
    take,
    *batches(taken, now) {
      for (let left = stepsPerBatch * Math.ceil(taken / batchSize); left > 0; left--) {
        const random = createRandom(seedOf(`${seed}/draw/${now.draws() + 1}`))
        const entries = buffer.sample(random, Math.min(batchSize, buffer.size))
        if (entries.length > 0) yield batch(entries, random, now)
      }
    },
    recall: take,
    holds: buffer.holds,
    stats: () => ({ buffer: buffer.size, critic_share: baseline.share }),
    snapshot: () => ({ parameters: { ...scale.snapshot(), ...baseline.snapshot() }, tensors: [] }),
    restore(model) {
      scale.restore(model)
      baseline.restore(model)
    },
  }
}

const batchItem = (weights: Parameters, { example, reward, discount, nextState }: Entry, baseline: Baseline) => ({
  action: example.action,
  candidates: example.candidates.length,
  propensity: example.transition.first_draw_propensity,
  reward,
  discount: discount ?? 0,
  nextValue: discount && nextState ? stateValue(weights, nextState) : 0,
  weight: example.transition.weight,
  heldOut: baseline.isHeldOut(example.transition.transition_id),
})
