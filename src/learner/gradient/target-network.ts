/**
 * The network that states what is to be learned, a copy of the one that learns, renewed every so many steps (Mnih et al.
 * 2015). Between two copies learning is a regression to something that stands still; and what it lags behind is a whole
 * number of steps, so a checkpoint holds the copy and when it was made, and nothing else.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import type { Checkpoint } from '../learner.ts'
import {
  copyParameters,
  decodeParameters,
  encodeParameters,
  type Parameters,
  type Shape,
} from '../towers/parameters.ts'
import { parameterOf } from './learner.ts'
import type { Now } from './method.ts'

export interface TargetNetwork {
  /** The copy for the step that comes. */
  weights(now: Now): Parameters
  /** Steps since it was made. */
  lag(now: Now): number
  snapshot(now: Now): Pick<Checkpoint, 'parameters' | 'tensors'>
  /** @throws FeedloopError MODEL_INCOMPATIBLE */
  restore(model: ModelVersion): void
}

const GROUP = 'target/'

/** @param copySteps gradient steps after which it is copied anew */
export function createTargetNetwork(shape: Shape, copySteps: number): TargetNetwork {
  let copied: { readonly weights: Parameters; readonly step: number } | undefined
  const current = (now: Now) => {
    if (!copied || now.draws() - copied.step >= copySteps)
      copied = { weights: copyParameters(now.weights), step: now.draws() }
    return copied
  }
  const known = (now: Now) => copied ?? { weights: copyParameters(now.weights), step: now.draws() }
  return {
    weights: now => current(now).weights,
    lag: now => now.draws() - known(now).step,
    snapshot(now) {
      const { weights, step } = known(now)
      return { parameters: { target_step: step }, tensors: encodeParameters(weights, GROUP, shape) }
    },
    restore(model) {
      copied = { weights: decodeParameters(model, GROUP, shape), step: parameterOf(model, 'target_step') }
    },
  }
}
