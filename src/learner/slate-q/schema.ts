/** What the configuration says of SlateQ. */
import { z } from 'zod'
import { valueTargets } from '../gradient/schema.ts'

export const slateQ = z.strictObject({
  hidden: z.number().int().positive().default(64).describe('Units of the hidden layer of either tower.'),
  embedding: z
    .number()
    .int()
    .positive()
    .default(32)
    .describe('Dimensions in which state and item meet, for attraction and for worth each.'),
  learningRate: z.number().positive().default(0.001).describe('Step size of Adam.'),
  batchSize: z.number().int().positive().default(256).describe('Slates in one gradient step.'),
  bufferSize: z.number().int().positive().default(50_000).describe('Transitions kept for replay, one a slot.'),
  stepsPerBatch: z.number().int().positive().default(4).describe('Gradient steps per newly arrived batch.'),
  next: z
    .enum(['max', 'sarsa'])
    .default('max')
    .describe('What comes after is worth the best slate of the next candidates, or the slate that was shown.'),
  search: z
    .enum(['exact', 'top-k'])
    .default('exact')
    .describe(
      'The best slate: found exactly, or that of the highest attraction times worth, which may be far from it where few take much.',
    ),
  choices: z
    .array(z.string())
    .min(1)
    .default(['click'])
    .describe('Event types that say an item was taken from the slate; a slate without one was left.'),
  valueLoss: z.number().nonnegative().default(1).describe('Weight of the loss of worth beside that of the choice.'),
  ...valueTargets(50),
})
