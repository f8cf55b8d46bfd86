/**
 * β for logs that say no propensities (Chen et al. 2019, section 4.2): a softmax head beside the policy, learned by the
 * cross-entropy of what was shown, −log β(a). Two towers of its own, so that nothing of it moves the policy, where the paper
 * shares the state and stops the gradient.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import { networkBatch } from '../gradient/batch.ts'
import { imitationLoss } from '../gradient/imitation.ts'
import { type GradientOptions, parameterOf } from '../gradient/learner.ts'
import type { Now, Seen } from '../gradient/method.ts'
import { softmax } from '../gradient/softmax.ts'
import type { Checkpoint } from '../learner.ts'
import { type AdamState, adamStep } from '../towers/adam.ts'
import {
  decodeParameters,
  encodeParameters,
  initialParameters,
  type Parameters,
  zeroParameters,
} from '../towers/parameters.ts'

export interface Logged extends Seen {
  /** Index of what was shown. */
  readonly action: number
  readonly weight: number
}

export interface Behaviour {
  /** One step on these; one that is not finite changes nothing and is counted. */
  learn(logged: readonly Logged[], now: Now): void
  /** β(a) of each. */
  estimate(logged: readonly Logged[], now: Now): Float64Array
  /** Of the last step before it was taken, nats; steps so far that were refused. */
  stats(): { readonly behaviour_loss: number; readonly refused_updates_behaviour: number }
  snapshot(): Pick<Checkpoint, 'parameters' | 'tensors'>
  /** @throws FeedloopError MODEL_INCOMPATIBLE */
  restore(model: ModelVersion): void
}

const groups = { weights: 'behaviour/weights/', first: 'behaviour/adam/first/', second: 'behaviour/adam/second/' }

export function createBehaviour(options: GradientOptions): Behaviour {
  let weights: Parameters = initialParameters(options, options.seed)
  let adam: AdamState = { first: zeroParameters(options), second: zeroParameters(options), steps: 0 }
  let [loss, refused] = [0, 0]
  return {
    learn(logged, { network }) {
      const choices = logged.map(({ action, candidates, weight }) => ({
        action,
        candidates: candidates.length,
        weight,
        target: 0,
      }))
      const gradients = network.gradients(weights, networkBatch(logged, options), (logits, values) => {
        const result = imitationLoss(choices, logits, values, { valueLoss: 0, valueUnit: 1 })
        loss = result.stats.imitation_loss
        return result
      })
      if (adamStep(weights, gradients, adam, options) === null) refused++
    },
    estimate(logged, { network }) {
      const { logits } = network.forward(weights, networkBatch(logged, options))
      const width = logits.length / logged.length
      const probabilities = new Float64Array(width)
      return Float64Array.from(logged, ({ action, candidates }, b) => {
        softmax(logits, b * width, candidates.length, probabilities)
        return probabilities[action]
      })
    },
    stats: () => ({ behaviour_loss: loss, refused_updates_behaviour: refused }),
    snapshot: () => ({
      parameters: { behaviour_steps: adam.steps },
      tensors: [
        ...encodeParameters(weights, groups.weights, options),
        ...encodeParameters(adam.first, groups.first, options),
        ...encodeParameters(adam.second, groups.second, options),
      ],
    }),
    restore(model) {
      weights = decodeParameters(model, groups.weights, options)
      adam = {
        first: decodeParameters(model, groups.first, options),
        second: decodeParameters(model, groups.second, options),
        steps: parameterOf(model, 'behaviour_steps'),
      }
    },
  }
}
