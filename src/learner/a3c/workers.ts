/**
 * The workers of A3C: each has its own copy of the weights, made after its last step and not renewed until its next (Mnih
 * et al. 2016, algorithm S3). They take turns, so a gradient is as old as the other workers' steps in between: the
 * asynchrony of threads, in an order that is the same in every run.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import { parameterOf } from '../gradient/learner.ts'
import type { Now } from '../gradient/method.ts'
import type { Checkpoint } from '../learner.ts'
import {
  copyParameters,
  decodeParameters,
  encodeParameters,
  type Parameters,
  type Shape,
} from '../towers/parameters.ts'

export interface Workers {
  /** The worker whose turn it is. */
  readonly turn: number
  pass(): void
  /** Its weights. */
  at(worker: number, now: Now): Parameters
  /** It takes the shared weights over. */
  synchronise(worker: number, now: Now): void
  snapshot(now: Now): Pick<Checkpoint, 'parameters' | 'tensors'>
  /** @throws FeedloopError MODEL_INCOMPATIBLE */
  restore(model: ModelVersion): void
}

const groupOf = (worker: number): string => `workers/${worker}/`

export function createWorkers(count: number, shape: Shape): Workers {
  const copies: Parameters[] = []
  let turn = 0
  /** All begin with the same weights, those of when one first learns: what was imitated before is in them. */
  const at = (worker: number, { weights }: Now): Parameters => {
    while (copies.length < count) copies.push(copyParameters(weights))
    return copies[worker]
  }
  const shown = (worker: number, { weights }: Now): Parameters => copies[worker] ?? weights
  return {
    get turn() {
      return turn
    },
    pass() {
      turn = (turn + 1) % count
    },
    at,
    synchronise(worker, { weights }) {
      copies[worker] = copyParameters(weights)
    },
    snapshot(now) {
      const tensors = Array.from({ length: count }, (_, n) => encodeParameters(shown(n, now), groupOf(n), shape))
      return { parameters: { turn, workers_began: copies.length > 0 ? 1 : 0 }, tensors: tensors.flat() }
    },
    restore(model) {
      copies.length = 0
      const began = model.parameters.workers_began !== 0
      for (let n = 0; n < count && began; n++) copies[n] = decodeParameters(model, groupOf(n), shape)
      turn = parameterOf(model, 'turn') % count
    },
  }
}
