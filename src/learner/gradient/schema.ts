/** Settings that learners by gradient share, with what each means to all of them. */
import { z } from 'zod'

export const towers = {
  hidden: z.number().int().positive().default(64).describe('Units of the hidden layer of either tower.'),
  embedding: z.number().int().positive().default(32).describe('Dimensions in which state and item meet.'),
  maxGradientNorm: z.number().positive().default(1).describe('Gradients are scaled down to this global norm.'),
  seed: z.number().int().default(1).describe('Seed of the initial weights and of all draws.'),
}

/** Of learners of values by a target network. @param targetCopySteps the default */
export const valueTargets = (targetCopySteps: number) => ({
  targetCopySteps: z
    .number()
    .int()
    .positive()
    .default(targetCopySteps)
    .describe('Gradient steps after which the target network becomes a copy of the learning one.'),
  huber: z
    .number()
    .nonnegative()
    .default(0)
    .describe(
      'Error, in units of the reward, from which on the loss grows by a line; 0: squared throughout. Smaller than what a rare end of a session is worth, it overrates everything.',
    ),
  maxAgeMs: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe('Transitions decided so long before the newest one are not learned (`stale`); 0: however old.'),
  maxGradientNorm: z.number().positive().default(10).describe('Gradients are scaled down to this global norm.'),
  seed: z.number().int().default(1).describe('Seed of the initial weights and of replay sampling.'),
})

export const losses = {
  entropy: z.number().nonnegative().default(0.01).describe('Weight of the entropy bonus in the loss.'),
  minEntropy: z
    .number()
    .nonnegative()
    .default(0.001)
    .describe(
      'Mean entropy of a batch, nats, below which the policy term of the step is left out (`entropy_bound`); the bonus brings it back. 0: never.',
    ),
  valueLoss: z.number().nonnegative().default(0.5).describe('Weight of the value loss.'),
}

export const imitate = z
  .boolean()
  .default(false)
  .describe(
    'What a baseline chose (apprentice, logging only) without exact propensities is imitated (cross-entropy) and not refused: the policy starts as the baseline.',
  )

export const maxPolicyLag = z
  .number()
  .int()
  .nonnegative()
  .default(100)
  .describe(
    'Versions published since the one that decided, beyond which a transition is dropped (`stale`). Each step makes a version: one every 250 ms, or every `learner.publishMs` where that is less.',
  )
