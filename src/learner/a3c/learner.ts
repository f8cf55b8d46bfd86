/**
 * Advantage actor-critic with several workers (Mnih et al. 2016, A3C, algorithm S3) from the stream: a session belongs to
 * the worker that the hash of its id names; in its turn a worker takes n-step returns of its own sessions at its own copy
 * of the weights, the gradient goes to the shared ones (with Adam's moments shared, where the paper shares RMSProp's), and
 * the copy is renewed. On policy: each transition is used once, and what an old version decided is dropped, `stale`.
 */
import { seedOf } from '../../state/random.ts'
import { type ImitationOptions, withImitation } from '../gradient/imitation.ts'
import { meanLag } from '../gradient/lag.ts'
import { type GradientOptions, gradientLearner } from '../gradient/learner.ts'
import type { Batch, Method, Now } from '../gradient/method.ts'
import { isSlate, unweighable } from '../gradient/propensities.ts'
import { createScale } from '../gradient/scale.ts'
import type { Example, Learner } from '../learner.ts'
import type { Entry } from '../replay/buffer.ts'
import { createFresh } from '../replay/fresh.ts'
import { loadTensorFlow, type TensorFlow } from '../tensorflow.ts'
import type { Parameters } from '../towers/parameters.ts'
import { stateValue } from '../towers/towers.ts'
import { objective, type Step } from './objective.ts'
import type { A3cConfig } from './schema.ts'
import { returnsOf } from './targets.ts'
import { createWorkers } from './workers.ts'

/** `bootstraps`: the policy discounts what comes after. */
export type A3cOptions = A3cConfig & GradientOptions & Pick<ImitationOptions, 'bootstraps'>

/** @throws FeedloopError BACKEND_UNAVAILABLE */
export const createA3cLearner = async (options: A3cOptions): Promise<Learner> =>
  a3cLearner(options, await loadTensorFlow())

export function a3cLearner(options: A3cOptions, tensorflow: TensorFlow): Learner {
  const method = a3cMethod(options)
  const imitation = { ...options, stepsPerBatch: 1 }
  return gradientLearner(options, tensorflow, options.imitate ? withImitation(method, imitation) : method)
}

function a3cMethod(options: A3cOptions): Method {
  const fresh = createFresh({ ...options, capacity: options.bufferSize, most: options.segmentLength })
  const workers = createWorkers(options.workers, options)
  const scale = createScale('advantage_square')
  const batch = (segments: readonly Entry[][], at: Parameters, now: Now): Batch => {
    const decisions = segments.flat().map(({ example }) => example)
    const steps = segments.flatMap(segment => stepsOf(segment, at))
    return {
      decisions,
      at,
      loss(logits, values) {
        const result = objective(steps, logits, values, {
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
  return {
    algorithm: 'a3c',
    onPolicy: true,
    take(example, { version }) {
      return refusal(example) ?? fresh.take(example, version)
    },
    recall: example => void (refusal(example) ?? fresh.recall(example)),
    holds: fresh.holds,
    left: fresh.left,
    pass: fresh.pass,
    dropped: fresh.dropped,
    *batches(_taken, now) {
      const queues = queuesOf(fresh.segments(now.version), options.workers)
      for (let idle = 0; idle < options.workers; workers.pass()) {
        const { turn } = workers
        const own = firstOf(queues[turn], options.batchSize)
        idle = own.length > 0 ? 0 : idle + 1
        if (own.length === 0) continue
        fresh.remove(own)
        yield batch(own, workers.at(turn, now), now)
        workers.synchronise(turn, now)
      }
    },
    stats: fresh.stats,
    snapshot(now) {
      const { parameters, tensors } = workers.snapshot(now)
      return { parameters: { ...parameters, ...scale.snapshot() }, tensors }
    },
    restore(model) {
      workers.restore(model)
      scale.restore(model)
    },
  }
}

const refusal = (example: Example): string | undefined => (isSlate(example) ? 'slate' : unweighable(example))

/** Each worker's segments, in order of arrival. */
function queuesOf(segments: readonly Entry[][], workers: number): Entry[][][] {
  const queues: Entry[][][] = Array.from({ length: workers }, () => [])
  for (const segment of segments) queues[seedOf(segment[0].example.transition.session_id) % workers].push(segment)
  return queues
}

/** Takes segments off a queue until they have `rows` decisions. @returns none when they are too few */
function firstOf(queue: Entry[][], rows: number): Entry[][] {
  let [count, taken] = [0, 0]
  while (count < rows && taken < queue.length) count += queue[taken++].length
  return count < rows ? [] : queue.splice(0, taken)
}

function stepsOf(segment: readonly Entry[], weights: Parameters): Step[] {
  const { discount, nextState } = segment[segment.length - 1]
  const returns = returnsOf(
    segment.map(({ reward }) => reward),
    segment.map(each => each.discount ?? 0),
    discount && nextState ? stateValue(weights, nextState) : 0,
  )
  return segment.map(({ example }, t) => ({
    action: example.action,
    candidates: example.candidates.length,
    weight: example.transition.weight,
    propensity: example.transition.first_draw_propensity,
    target: returns[t],
  }))
}
