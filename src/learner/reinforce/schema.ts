import { z } from 'zod'
import { losses, towers } from '../gradient/schema.ts'

export const reinforce = z.strictObject({
  ...towers,
  ...losses,
  learningRate: z.number().positive().default(0.001).describe('Step size of Adam.'),
  mode: z
    .enum(['slate', 'item'])
    .default('slate')
    .describe(
      'slate: slates drawn slot by slot without replacement, as ours are; item: logs of items drawn with replacement, with the factor lambda_K.',
    ),
  batchSize: z.number().int().positive().default(256).describe('Items shown in one gradient step.'),
  horizon: z.number().int().positive().default(20).describe('Decisions of a session that a return runs over.'),
  bufferSize: z.number().int().positive().default(50_000).describe('Transitions kept for replay.'),
  stepsPerBatch: z.number().int().positive().default(2).describe('Gradient steps per newly arrived batch.'),
  maxImportanceWeight: z
    .number()
    .positive()
    .default(1)
    .describe('Cap of the importance weight: of a slate as a whole, or of an item.'),
  behaviour: z
    .boolean()
    .default(false)
    .describe(
      'What was shown without exact propensities is not refused: a softmax head beside the policy estimates them.',
    ),
})

export type ReinforceConfig = z.infer<typeof reinforce>
