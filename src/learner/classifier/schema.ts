/** What the configuration says of the classifier. */
import { z } from 'zod'

export const classifier = z.strictObject({
  hidden: z.number().int().positive().default(64).describe('Units of the hidden layer.'),
  learningRate: z.number().positive().default(0.001).describe('Step size of Adam.'),
  batchSize: z.number().int().positive().default(64).describe('Decisions in one gradient step.'),
  maxActions: z
    .number()
    .int()
    .positive()
    .default(64)
    .describe('Items that are told apart, the first that are seen; all others are one class.'),
  maxGradientNorm: z.number().positive().default(10).describe('Gradients are scaled down to this global norm.'),
  seed: z.number().int().default(1).describe('Seed of the initial weights.'),
})

export type ClassifierConfig = z.infer<typeof classifier>
