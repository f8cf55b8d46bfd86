/** The learners' part of the configuration: what each takes, how outcomes are weighed, and a log to start from. */
import { z } from 'zod'

export const linearGaussian = z.strictObject({
  priorPrecision: z
    .number()
    .positive()
    .default(0.3)
    .describe("Prior precision lambda, in decisions: until the prior is estimated, and the estimate's centre after."),
  estimatePrior: z
    .boolean()
    .default(true)
    .describe(
      'Mean and spread of what items have in common, and how far an item suits who saw what goes with it, are estimated from them, where the state has no `numbers`; false, and with numbers: 0 and 1 / lambda.',
    ),
  maxItems: z
    .number()
    .int()
    .positive()
    .default(100_000)
    .describe('Items with a block of their own; the least seen beyond are evicted.'),
  halfLifeMs: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe('Statistics halve in this time of decisions; 0: never.'),
  detectChanges: z
    .boolean()
    .default(true)
    .describe(
      'When items have long earned less than they used to, what was learned until then counts a sixty-fourth: tastes changed, and are explored anew. No outcomes at all are no change.',
    ),
  fourier: z
    .strictObject({
      features: z
        .number()
        .int()
        .nonnegative()
        .default(256)
        .describe('Random Fourier features of the `numbers` of the state; none are made without numbers.'),
      bandwidth: z
        .number()
        .positive()
        .default(1)
        .describe('Frequencies in units of one over the usual distance of two points: larger bends more.'),
      seed: z.number().int().default(1).describe('Seed of the frequencies.'),
    })
    .prefault({}),
  warmUpDecisions: z
    .number()
    .int()
    .positive()
    .default(1024)
    .describe(
      'Decisions from which the scale of the `numbers` is found; kept whole until half as many more are there.',
    ),
})

export const weighing = z.strictObject({
  delays: z
    .boolean()
    .default(false)
    .describe(
      'A decision whose reward may still come counts by the estimated probability that it would have come, up to `attributionWindowMs`. For rewards that come minutes to hours late.',
    ),
  positions: z
    .boolean()
    .default(false)
    .describe('A place of a slate counts by the estimated probability that it is looked at.'),
  maxWaiting: z
    .number()
    .int()
    .nonnegative()
    .default(20_000)
    .describe(
      'Decisions that wait for late rewards; the oldest of more count whole early. They are in every full checkpoint. Set 0 for a while before `delays` is turned off.',
    ),
})

export const baggedLinear = z.strictObject({
  members: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(4)
    .describe(
      'Models, the first of which learns from the log as it is. Each costs the time and memory of a linear-Gaussian learner, and one checkpoint holds them all: items with a block of their own are fewer by so many times.',
    ),
})

export const twoTower = z.strictObject({
  hidden: z.number().int().positive().default(64).describe('Units of the hidden layer of either tower.'),
  embedding: z.number().int().positive().default(32).describe('Dimensions in which state and item meet.'),
  learningRate: z.number().positive().default(0.001).describe('Step size of Adam.'),
  batchSize: z.number().int().positive().default(256).describe('Transitions in one gradient step.'),
  bufferSize: z.number().int().positive().default(50_000).describe('Transitions kept for replay.'),
  stepsPerBatch: z.number().int().positive().default(4).describe('Gradient steps per newly arrived batch.'),
  maxImportanceWeight: z
    .number()
    .positive()
    .default(1)
    .describe('Cap of the importance weight (rho-bar = c-bar of V-trace).'),
  entropy: z.number().nonnegative().default(0.01).describe('Weight of the entropy bonus in the loss.'),
  valueLoss: z
    .number()
    .nonnegative()
    .default(0.5)
    .describe('Weight of the value loss, and of that of the advantages, of which 0 foretells none.'),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0.2)
    .describe(
      'Share of the inputs that a state has which a gradient step does without, where it has few of all there are (words); times 1 less the share that it has, so that of states of numbers nothing is missing. Not with `gamma` above 0.',
    ),
  maxGradientNorm: z.number().positive().default(1).describe('Gradients are scaled down to this global norm.'),
  imitate: z
    .boolean()
    .default(false)
    .describe(
      'What a baseline chose (apprentice, logging only) without exact propensities is imitated (cross-entropy) and not refused: the policy starts as the baseline.',
    ),
  seed: z.number().int().default(1).describe('Seed of the initial weights and of replay sampling.'),
})

export const neuralLinear = z.strictObject({
  hidden: z.number().int().positive().default(64).describe('Units of the hidden layer of either tower.'),
  embedding: z
    .number()
    .int()
    .positive()
    .default(16)
    .describe('Dimensions in which state and item meet; an item has a posterior over one more.'),
  learningRate: z.number().positive().default(0.003).describe('Step size of Adam.'),
  batchSize: z.number().int().positive().default(128).describe('Decisions in one gradient step.'),
  bufferSize: z
    .number()
    .int()
    .positive()
    .default(10_000)
    .describe(
      'Newest decisions from which features and posterior are learned. They are in every full checkpoint, half of which they may fill: fewer are kept where vectors are long.',
    ),
  stepsPerRound: z
    .number()
    .int()
    .positive()
    .default(64)
    .describe('Gradient steps each time an eighth more decisions have come.'),
  maxGradientNorm: z.number().positive().default(1).describe('Gradients are scaled down to this global norm.'),
  seed: z.number().int().default(1).describe('Seed of the initial weights and of the draws.'),
})

export const warmStart = z.strictObject({
  data: z.string().min(1).describe('File of logged decisions and what came of them: .csv, .tsv or JSON lines.'),
  mapping: z
    .string()
    .min(1)
    .describe(
      'Mapping of `feedloop replay` (YAML): what its requests name as baseline was shown, its events are the outcomes.',
    ),
  propensity: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Entry of the requests' context that holds the probability with which the item was shown; it is taken out of the state. None: the propensities of the log are unknown.",
    ),
})
