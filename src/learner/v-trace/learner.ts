/**
 * V-trace actor-critic on session segments from a buffer: each batch of revisions first updates the buffer, then steps are
 * taken on segments that begin at uniform draws (objective.ts). Off-policy by construction, so it learns as well from what
 * was decided some versions ago. Needs exact propensities of single choices: a slate of several is refused, `slate`.
 */
import { createRandom, seedOf } from '../../state/random.ts'
import { type ImitationOptions, withImitation } from '../gradient/imitation.ts'
import { meanLag } from '../gradient/lag.ts'
import { type GradientOptions, gradientLearner } from '../gradient/learner.ts'
import type { Batch, Method, Now } from '../gradient/method.ts'
import { isSlate, unweighable } from '../gradient/propensities.ts'
import { createScale } from '../gradient/scale.ts'
import type { Example, Learner } from '../learner.ts'
import { createBuffer, type Entry } from '../replay/buffer.ts'
import { drawSegments } from '../replay/segments.ts'
import { loadTensorFlow, type TensorFlow } from '../tensorflow.ts'
import type { Parameters } from '../towers/parameters.ts'
import { stateValue } from '../towers/towers.ts'
import { objective, type Segment } from './objective.ts'
import type { VTraceConfig } from './schema.ts'

/** `bootstraps`: the policy discounts what comes after. */
export type VTraceOptions = VTraceConfig & GradientOptions & ImitationOptions

/** @throws FeedloopError BACKEND_UNAVAILABLE */
export const createVTraceLearner = async (options: VTraceOptions): Promise<Learner> =>
  vTraceLearner(options, await loadTensorFlow())

export function vTraceLearner(options: VTraceOptions, tensorflow: TensorFlow): Learner {
  const method = vTraceMethod(options)
  return gradientLearner(options, tensorflow, options.imitate ? withImitation(method, options) : method)
}

function vTraceMethod(options: VTraceOptions): Method {
  const { batchSize, stepsPerBatch, segmentLength, seed } = options
  const buffer = createBuffer(options.bufferSize, options.bootstraps)
  const scale = createScale('advantage_square')
  const batch = (drawn: readonly Entry[][], now: Now): Batch => {
    const decisions = drawn.flat().map(({ example }) => example)
    const segments = drawn.map(each => segmentOf(each, now.weights))
    return {
      decisions,
      loss(logits, values) {
        const result = objective(segments, logits, values, {
          ...options,
          advantageScale: scale.size,
          valueUnit: now.valueUnit,
        })
        scale.observe(result.advantages)
        const watched = {
          policy_lag: meanLag(decisions, now.version),
          segment_length: decisions.length / segments.length,
        }
        return { ...result, stats: { ...result.stats, ...watched } }
      },
    }
  }
  const take = (example: Example): string | undefined => {
    if (isSlate(example)) return 'slate'
    return unweighable(example) ?? (buffer.put(example) < 0 ? 'late_unlearned' : undefined)
  }
  return {
    algorithm: 'v-trace',
    take,
    *batches(taken, now) {
      for (let left = stepsPerBatch * Math.ceil(taken / batchSize); left > 0; left--) {
        const random = createRandom(seedOf(`${seed}/draw/${now.draws() + 1}`))
        const drawn = drawSegments(buffer, random, Math.min(batchSize, buffer.size), segmentLength)
        if (drawn.length > 0) yield batch(drawn, now)
      }
    },
    recall: take,
    holds: buffer.holds,
    stats: () => ({ buffer: buffer.size }),
    snapshot: () => ({ parameters: scale.snapshot(), tensors: [] }),
    restore: scale.restore,
  }
}

function segmentOf(entries: readonly Entry[], weights: Parameters): Segment {
  const steps = entries.map(({ example, reward, discount }) => ({
    action: example.action,
    candidates: example.candidates.length,
    weight: example.transition.weight,
    propensity: example.transition.first_draw_propensity,
    reward,
    discount: discount ?? 0,
  }))
  const { discount, nextState } = entries[entries.length - 1]
  return { steps, nextValue: discount && nextState ? stateValue(weights, nextState) : 0 }
}
