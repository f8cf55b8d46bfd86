/**
 * The usual size σ of a quantity, the root of a running mean of its squares. Pulls are divided by that of the advantages, so that
 * the entropy weight means the same for a click in a hundred as for stars from one to five; values are learned in units of that
 * of their targets (van Hasselt et al. 2016, "Learning values across many orders of magnitude").
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { parameterOf } from './learner.ts'

/** Weight of the newest batch in the running mean. */
const RATE = 0.02

export interface Scale {
  /** σ; 1 while none was seen. */
  readonly size: number
  readonly isKnown: boolean
  observe(values: Float64Array): void
  snapshot(): Record<string, number>
  /** A version that states none was made before it was kept: it begins anew. @throws FeedloopError MODEL_INCOMPATIBLE */
  restore(model: ModelVersion): void
}

/** @param name under which versions hold σ² */
export function createScale(name: 'advantage_square' | 'value_square'): Scale {
  let square = 0
  return {
    get size() {
      return square > 0 ? Math.sqrt(square) : 1
    },
    get isKnown() {
      return square > 0
    },
    observe(values) {
      const mean = values.reduce((sum, each) => sum + each * each, 0) / values.length
      // the step of such a batch is refused
      if (Number.isFinite(mean)) square += (square === 0 ? 1 : RATE) * (mean - square)
    },
    snapshot: () => ({ [name]: square }),
    restore(model) {
      const stated = Object.hasOwn(model.parameters, name) ? parameterOf(model, name) : 0
      if (stated < 0) throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: ${name} is ${stated}`)
      square = stated
    },
  }
}
