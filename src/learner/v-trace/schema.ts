import { z } from 'zod'
import { imitate, losses, towers } from '../gradient/schema.ts'

const settings = z.strictObject({
  ...towers,
  ...losses,
  learningRate: z.number().positive().default(0.0005).describe('Step size of Adam.'),
  batchSize: z.number().int().positive().default(64).describe('Decisions in one gradient step.'),
  segmentLength: z.number().int().positive().default(8).describe('Decisions of a session that a return runs over.'),
  bufferSize: z.number().int().positive().default(50_000).describe('Transitions kept for replay.'),
  stepsPerBatch: z.number().int().positive().default(1).describe('Gradient steps per newly arrived batch.'),
  maxImportanceWeight: z
    .number()
    .positive()
    .default(1)
    .describe('Cap of the importance weight (rho-bar): whose value is learned.'),
  maxTraceWeight: z
    .number()
    .positive()
    .default(1)
    .describe('Cap of the weight that carries later corrections back (c-bar); at most `maxImportanceWeight`.'),
  imitate,
})

export const vTrace = settings.refine(
  ({ maxImportanceWeight, maxTraceWeight }) => maxTraceWeight <= maxImportanceWeight,
  'maxTraceWeight must not be more than maxImportanceWeight',
)

export type VTraceConfig = z.infer<typeof vTrace>
