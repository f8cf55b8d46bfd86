/** What the configuration says of Q-learning. */
import { z } from 'zod'
import { valueTargets } from '../gradient/schema.ts'

export const dqn = z.strictObject({
  hidden: z.number().int().positive().default(64).describe('Units of the hidden layer of either tower.'),
  embedding: z.number().int().positive().default(32).describe('Dimensions in which state and item meet.'),
  learningRate: z.number().positive().default(0.003).describe('Step size of Adam.'),
  batchSize: z.number().int().positive().default(256).describe('Transitions in one gradient step.'),
  bufferSize: z.number().int().positive().default(50_000).describe('Transitions kept for replay.'),
  stepsPerBatch: z.number().int().positive().default(4).describe('Gradient steps per newly arrived batch.'),
  dueling: z
    .boolean()
    .default(true)
    .describe('Q(s, a) = V(s) + A(s, a) - mean A(s, ·) over the candidates; false: Q is the logit alone.'),
  double: z
    .boolean()
    .default(true)
    .describe(
      'The learning network names the next action, the target network says its worth; false: the latter does both.',
    ),
  returnSteps: z
    .number()
    .int()
    .positive()
    .default(1)
    .describe(
      'Decisions of a session whose rewards are summed before a value stands for the rest. Beyond 1 they are those of who logged, uncorrected.',
    ),
  prioritised: z.boolean().default(false).describe('Transitions with a large error are drawn more often.'),
  priorities: z
    .strictObject({
      exponent: z
        .number()
        .nonnegative()
        .default(0.6)
        .describe('Power of the error that a draw is proportional to; 0: uniform.'),
      importance: z
        .number()
        .min(0)
        .max(1)
        .default(0.4)
        .describe('Power of the importance weight that corrects for it at the first step; it grows to 1.'),
      importanceSteps: z
        .number()
        .int()
        .positive()
        .default(1000)
        .describe('Gradient steps until it is 1; before, what ends by chance is underrated.'),
    })
    .prefault({}),
  ...valueTargets(20),
})
