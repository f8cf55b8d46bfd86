/**
 * The explorers' part of the configuration: a union by name, so that each takes the parameters that mean something to it
 * and a stray one is refused. Schedules are functions of what a model version states to have learned (`n` decisions), never
 * of a clock or a counter of the ranker: the propensity of a logged decision can be computed again from its record.
 * `explorerNeeds` says what an explorer asks of the model; the configuration refuses it over a learner that lacks it.
 */
import { z } from 'zod'

const epsilon = z
  .number()
  .min(0)
  .max(1)
  .default(0.002)
  .describe('Share of uniform choice mixed in, so that every candidate has a propensity.')

const alpha = z
  .number()
  .nonnegative()
  .default(0.8)
  .describe("Scale of the posterior's standard deviation; 1: Thompson sampling as in the book.")

const width = z
  .number()
  .positive()
  .default(0.03)
  .describe('Width of the confidence range: sqrt(width * ln(K (n + 1))) posterior standard deviations to either side.')

const byName = {
  thompson: z.strictObject({
    name: z
      .literal('thompson')
      .default('thompson')
      .describe('How the policy explores. `thompson`: as often as a posterior draw finds a candidate the best.'),
    draws: z.number().int().min(1).max(1024).default(64).describe('Posterior draws of the logged mixture.'),
    epsilon,
    alpha,
    optimistic: z
      .boolean()
      .default(true)
      .describe('A draw below the expected reward counts as the expected reward (May et al. 2012).'),
    sharpness: z
      .number()
      .min(1)
      .default(2)
      .describe('Power of the shares of draws before they are mixed; 1: Thompson sampling as in the book.'),
  }),
  softmax: z.strictObject({
    name: z.literal('softmax').describe('In proportion to exp(score / temperature): Plackett-Luce over a slate.'),
    temperature: z
      .number()
      .positive()
      .default(1)
      .describe(
        "Temperature of logits; of expected rewards, in units of the rewards' root mean square, before any decision.",
      ),
    exponent: z
      .number()
      .min(0)
      .max(1)
      .default(0.5)
      .describe('The temperature of expected rewards falls as (n + 1)^-exponent; that of logits never does.'),
    epsilon,
  }),
  'epsilon-greedy': z.strictObject({
    name: z.literal('epsilon-greedy').describe('The best candidate, but one at random with probability epsilon.'),
    epsilon,
    start: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe(
        'Epsilon is start * (n + 1)^-exponent until that is less than `epsilon`; 0: no decay. A model that states no n (two-tower) has none.',
      ),
    exponent: z.number().min(0).max(1).default(0.5).describe('How fast epsilon decays.'),
  }),
  greedy: z.strictObject({ name: z.literal('greedy').describe('The best candidate, always: deterministic.') }),
  uniform: z.strictObject({ name: z.literal('uniform').describe('Every candidate alike.') }),
  squarecb: z.strictObject({
    name: z.literal('squarecb').describe('In inverse proportion to the gap to the best (Foster & Rakhlin 2020).'),
    gamma: z.number().positive().default(30).describe('Gap weight is gamma * (n + 1)^exponent / rewardSpan.'),
    exponent: z.number().min(0).max(1).default(0.5).describe('How fast the weight of gaps grows.'),
    rewardSpan: z
      .number()
      .positive()
      .optional()
      .describe("Greatest minus least scalar reward; none: the learned rewards' root mean square."),
  }),
  linucb: z.strictObject({
    name: z.literal('linucb').describe('The best upper confidence bound, mean + alpha * deviation (Li et al. 2010).'),
    epsilon,
    alpha: z.number().nonnegative().default(1).describe('Width of the bound in posterior standard deviations.'),
  }),
  'regcb-elimination': z.strictObject({
    name: z
      .literal('regcb-elimination')
      .describe('Every candidate alike that some good regression finds the best (Foster et al. 2018).'),
    epsilon,
    width,
  }),
  'regcb-optimistic': z.strictObject({
    name: z
      .literal('regcb-optimistic')
      .describe('The greatest reward that some good regression allows (Foster et al. 2018).'),
    epsilon,
    width,
  }),
  cover: z.strictObject({
    name: z
      .literal('cover')
      .describe(
        'As often as one of several policies chooses it, each made to cover what those before leave out (Agarwal et al. 2014).',
      ),
    policies: z
      .number()
      .int()
      .min(1)
      .max(1024)
      .default(32)
      .describe('Policies that are mixed: the finest share is one of them.'),
    psi: z
      .number()
      .nonnegative()
      .default(0.3)
      .describe(
        "Bonus of what is not covered at all, in units of the rewards' root mean square: worse by more is shown by the floor only.",
      ),
    epsilon,
  }),
  bagging: z.strictObject({
    name: z.literal('bagging').describe('As often as a member of a bagged model finds a candidate the best.'),
    epsilon,
  }),
}

export const explorerNames = Object.keys(byName) as readonly (keyof typeof byName)[]

export const explorerSchema = z.discriminatedUnion(
  'name',
  [
    byName.thompson,
    byName.softmax,
    byName['epsilon-greedy'],
    byName.greedy,
    byName.uniform,
    byName.squarecb,
    byName.linucb,
    byName['regcb-elimination'],
    byName['regcb-optimistic'],
    byName.cover,
    byName.bagging,
  ],
  // a configuration without a name is the first one's
  { unionFallback: true, error: () => `the explorer's name is none of ${explorerNames.join(', ')}` },
)

export type ExplorerConfig = z.output<typeof explorerSchema>
export type ExplorerName = ExplorerConfig['name']
export type ConfigOf<Name extends ExplorerName> = Extract<ExplorerConfig, { name: Name }>

/** `scores`: any; `rewards`: scores that are expected rewards; `posterior`: their deviations too; `members`: several models. */
export type Need = 'scores' | 'rewards' | 'posterior' | 'members'

export const explorerNeeds: Readonly<Record<ExplorerName, Need>> = {
  thompson: 'posterior',
  softmax: 'scores',
  'epsilon-greedy': 'scores',
  greedy: 'scores',
  uniform: 'scores',
  squarecb: 'rewards',
  linucb: 'posterior',
  'regcb-elimination': 'posterior',
  'regcb-optimistic': 'posterior',
  cover: 'rewards',
  bagging: 'members',
}

/** Parameters that an explorer takes, its name aside. */
export const parametersOf = (name: ExplorerName): readonly string[] =>
  Object.keys(byName[name].shape).filter(key => key !== 'name')
