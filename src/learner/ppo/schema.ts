import { z } from 'zod'
import { imitate, losses, maxPolicyLag, towers } from '../gradient/schema.ts'

const settings = z.strictObject({
  ...towers,
  ...losses,
  learningRate: z.number().positive().default(0.001).describe('Step size of Adam.'),
  roundSize: z
    .number()
    .int()
    .positive()
    .default(1024)
    .describe('Fresh transitions, in segments whose end is known, with which a round begins.'),
  epochs: z.number().int().positive().default(4).describe('Times that a round goes over its transitions.'),
  batchSize: z.number().int().positive().default(256).describe('Decisions in one gradient step.'),
  segmentLength: z.number().int().positive().default(16).describe('Decisions of a session that a return runs over.'),
  bufferSize: z
    .number()
    .int()
    .positive()
    .default(20_000)
    .describe('Transitions that wait for a round at most; the oldest are dropped (`evicted`).'),
  lambda: z
    .number()
    .min(0)
    .max(1)
    .default(0.95)
    .describe('Of the advantages: 0, one step and the value beyond; 1, all that was earned.'),
  clip: z.number().positive().default(0.2).describe('Share by which a probability may change in a round (epsilon).'),
  maxKl: z
    .number()
    .nonnegative()
    .default(0.05)
    .describe('KL divergence from who decided, nats, at which a round ends (`kl_bound`); 0: never.'),
  maxPolicyLag,
  imitate,
})

export const ppo = settings.refine(
  ({ roundSize, bufferSize }) => roundSize <= bufferSize,
  'roundSize must not be more than bufferSize: no round would ever begin',
)

export type PpoConfig = z.infer<typeof ppo>
