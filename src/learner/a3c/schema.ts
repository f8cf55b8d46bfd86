import { z } from 'zod'
import { imitate, losses, maxPolicyLag, towers } from '../gradient/schema.ts'

const settings = z.strictObject({
  ...towers,
  ...losses,
  learningRate: z.number().positive().default(0.001).describe('Step size of Adam.'),
  workers: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(4)
    .describe('Copies of the weights, each of which learns from sessions of its own. Every checkpoint holds them all.'),
  batchSize: z.number().int().positive().default(64).describe("Decisions of a worker's sessions in one gradient step."),
  segmentLength: z.number().int().positive().default(5).describe('Decisions of a session that a return runs over.'),
  bufferSize: z
    .number()
    .int()
    .positive()
    .default(20_000)
    .describe('Transitions that wait for their turn at most; the oldest are dropped (`evicted`).'),
  maxPolicyLag,
  imitate,
})

export const a3c = settings.refine(
  ({ workers, batchSize, bufferSize }) => workers * batchSize <= bufferSize,
  'workers times batchSize must not be more than bufferSize: no worker might ever have a batch',
)

export type A3cConfig = z.infer<typeof a3c>
