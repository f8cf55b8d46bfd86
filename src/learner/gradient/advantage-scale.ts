/**
 * The advantages' usual size σ, the root of a running mean of their squares. Pulls are divided by it, so that the entropy
 * weight means the same for a click in a hundred as for stars from one to five.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import { parameterOf } from './learner.ts'

/** Weight of the newest batch in the running mean. */
const RATE = 0.02

export interface AdvantageScale {
  /** σ; 1 while none was seen. */
  readonly size: number
  observe(advantages: Float64Array): void
  snapshot(): Record<string, number>
  /** @throws FeedloopError MODEL_INCOMPATIBLE */
  restore(model: ModelVersion): void
}

export function createAdvantageScale(): AdvantageScale {
  let square = 0
  return {
    get size() {
      return square > 0 ? Math.sqrt(square) : 1
    },
    observe(advantages) {
      const mean = advantages.reduce((sum, each) => sum + each * each, 0) / advantages.length
      // the step of such a batch is refused
      if (Number.isFinite(mean)) square += (square === 0 ? 1 : RATE) * (mean - square)
    },
    snapshot: () => ({ advantage_square: square }),
    restore(model) {
      square = parameterOf(model, 'advantage_square')
    },
  }
}
