/**
 * Deep Q-learning (Mnih et al. 2015) of the two towers: what a candidate is worth in a state, with all that comes after,
 * whoever chose it. Takes logs of any kind, since max over the next candidates asks for nobody's propensities; with
 * n > 1 steps the rewards between are those of who logged, uncorrected (as in Hessel et al. 2018). A transition whose
 * continuation is unknown (its session is open, or was cut) is not learned; one that ended is worth its reward.
 */

import { createRandom, seedOf } from '../../state/random.ts'
import { networkBatch } from '../gradient/batch.ts'
import { type GradientOptions, gradientLearner } from '../gradient/learner.ts'
import type { Batch, Method, Now, Seen } from '../gradient/method.ts'
import { withoutChoice } from '../gradient/next-candidates.ts'
import { createTargetNetwork } from '../gradient/target-network.ts'
import type { Learner } from '../learner.ts'
import type { PriorityOptions } from '../replay/priorities.ts'
import { createReplay, type Drawn } from '../replay/replay.ts'
import { segmentFrom } from '../replay/segments.ts'
import { loadTensorFlow, type TensorFlow } from '../tensorflow.ts'
import { type Parameters, stateEmbedding, valueHead } from '../towers/parameters.ts'
import { type BatchItem, objective } from './objective.ts'
import { discounted, nextValues } from './targets.ts'

/** `bootstraps`: the policy discounts what comes after. */
export interface DqnOptions extends GradientOptions {
  readonly batchSize: number
  readonly bufferSize: number
  readonly stepsPerBatch: number
  readonly bootstraps: boolean
  /** Q = V + A − mean A; false: Q = the logits. */
  readonly dueling: boolean
  /** The online network names the next action; false: the target network does. */
  readonly double: boolean
  /** n. */
  readonly returnSteps: number
  readonly targetCopySteps: number
  readonly huber: number
  readonly prioritised: boolean
  readonly priorities: PriorityOptions
  readonly maxAgeMs: number
}

/** @throws FeedloopError BACKEND_UNAVAILABLE */
export const createDqnLearner = async (options: DqnOptions): Promise<Learner> =>
  dqnLearner(options, await loadTensorFlow())

export const dqnLearner = (options: DqnOptions, tensorflow: TensorFlow): Learner =>
  gradientLearner(options, tensorflow, dqnMethod(options))

function dqnMethod(options: DqnOptions): Method {
  const { batchSize, stepsPerBatch, seed, prioritised, priorities, returnSteps } = options
  const replay = createReplay({ ...options, priorities: prioritised ? priorities : undefined })
  const target = createTargetNetwork(options, options.targetCopySteps)
  const batch = (drawn: readonly Drawn[], now: Now): Batch => {
    const copy = target.weights(now)
    const lag = { target_lag: target.lag(now) }
    const segments = drawn.map(({ entry }) => segmentFrom(replay.buffer, entry, returnSteps))
    const returns = returnsOf(segments, decisions => valuesOf(decisions, now, copy, options))
    const items: BatchItem[] = drawn.map(({ entry: { example }, weight }, b) => ({
      action: example.action,
      candidates: example.candidates.length,
      target: returns[b],
      weight: weight * example.transition.weight,
    }))
    return {
      decisions: drawn.map(({ entry }) => entry.example),
      loss(logits, values) {
        const result = objective(items, logits, values, { ...options, valueUnit: now.valueUnit })
        replay.learned(drawn, result.errors)
        return { ...result, stats: { ...result.stats, ...lag } }
      },
    }
  }
  return {
    algorithm: 'dqn',
    usesNextCandidates: true,
    valued: [...valueHead, ...stateEmbedding],
    take: example => withoutChoice(example) ?? replay.take(example),
    *batches(taken, now) {
      for (let left = stepsPerBatch * Math.ceil(taken / batchSize); left > 0; left--) {
        const random = createRandom(seedOf(`${seed}/draw/${now.draws() + 1}`))
        const drawn = replay.draw(random, batchSize, now.draws())
        if (drawn.length > 0) yield batch(drawn, now)
      }
    },
    recall: example => void (withoutChoice(example) ?? replay.recall(example)),
    holds: replay.buffer.holds,
    dropped: replay.dropped,
    stats: replay.stats,
    snapshot(now) {
      const { parameters, tensors } = target.snapshot(now)
      return { parameters: { ...parameters, ...replay.parameters(), dueling: Number(options.dueling) }, tensors }
    },
    restore(model) {
      target.restore(model)
      replay.restore(model.parameters)
    },
  }
}

type Segments = readonly ReturnType<typeof segmentFrom>[]

/** @param valuesAt the worth of decisions, all in one go @returns y of each segment */
function returnsOf(segments: Segments, valuesAt: (decisions: readonly Seen[]) => Float64Array): Float64Array {
  const sums = segments.map(discounted)
  const decisions: Seen[] = []
  const at = segments.map((segment, b) => {
    const { nextState: state, nextCandidates: candidates } = segment[segment.length - 1]
    return sums[b].discount > 0 && state && candidates ? decisions.push({ state, candidates }) - 1 : -1
  })
  const values = decisions.length > 0 ? valuesAt(decisions) : new Float64Array(0)
  return Float64Array.from(sums, ({ reward, discount }, b) => reward + (at[b] < 0 ? 0 : discount * values[at[b]]))
}

function valuesOf(decisions: readonly Seen[], { weights, network }: Now, target: Parameters, options: DqnOptions) {
  const inputs = networkBatch(decisions, options)
  const judged = network.forward(target, inputs)
  const named = options.double ? network.forward(weights, inputs) : judged
  const counts = decisions.map(({ candidates }) => candidates.length)
  return nextValues(named, judged, counts, options.dueling)
}
