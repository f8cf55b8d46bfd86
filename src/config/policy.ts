/** A policy: what is learned of what people do, and what a slate may be. */
import { z } from 'zod'
import { a3c } from '../learner/a3c/schema.ts'
import { algorithmNames } from '../learner/algorithms.ts'
import { classifier } from '../learner/classifier/schema.ts'
import { dqn } from '../learner/dqn/schema.ts'
import { ppo } from '../learner/ppo/schema.ts'
import { reinforce } from '../learner/reinforce/schema.ts'
import { baggedLinear, linearGaussian, neuralLinear, twoTower, warmStart, weighing } from '../learner/schema.ts'
import { slateQ } from '../learner/slate-q/schema.ts'
import { vTrace } from '../learner/v-trace/schema.ts'
import { conditionSource } from '../ranker/condition.ts'
import { constraintsSchema } from '../ranker/constraints/schema.ts'
import { explorerSchema } from '../ranker/explorers/schema.ts'
import { day, inheritsNothing, minute, ms } from './units.ts'

const component = z.strictObject({
  value: z
    .union([z.number(), z.literal('value')])
    .default(1)
    .describe("Reward of one such event: a number, or `value` for the event's own."),
  aggregate: z
    .enum(['sum', 'first', 'last', 'max', 'min', 'mean', 'count'])
    .default('sum')
    .describe('How several outcomes of the type become one number.'),
  weight: z.number().default(1).describe('Weight of the component in the scalar reward.'),
  cancels: z
    .string()
    .optional()
    .describe(
      'Event type whose outcomes this takes back instead of being a reward, e.g. refund cancels purchase. Without a decision id it goes where the purchase of the user and item went.',
    ),
})

const candidates = z.strictObject({
  filters: z
    .array(conditionSource)
    .default([])
    .describe(
      'CEL conditions that every item must meet, those of a request too: availability, region, age rating, freshness. See docs/ranking.md.',
    ),
  max: z
    .number()
    .int()
    .positive()
    .default(1000)
    .describe('Candidates that a decision takes from the catalogue, within limits.maxCandidates.'),
  retrieval: z
    .enum(['model', 'history', 'none'])
    .default('model')
    .describe(
      "How they are found where more are eligible. `model`: by the serving version's towers or, where it has none, the items that it has learned of and `history`; `history`: by the dot product with the mean of the user's history; `none`: drawn at random.",
    ),
  explorationShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe('Part of them that is drawn at random from the rest of what is eligible.'),
  newWithinMs: ms(0).describe(
    'That part is drawn from items first seen within this time as far as there are any; 0: from all alike.',
  ),
})

export const policy = z.strictObject({
  name: z
    .string()
    .min(1)
    .default('default')
    .describe(
      'Name of the policy, unique. Partition i of `models` is that of the i-th policy: the order of the list stays, none is taken out, and more come with a move to another prefix (docs/repartition.md). Another name at the same place begins anew.',
    ),
  algorithm: z
    .enum(algorithmNames)
    .default('linear-gaussian')
    .describe(
      'What learns. `linear-gaussian`: exact sums; `bagged-linear`: several of it, each on its own resampled log; `neural-linear`: the same on features that a network learns; `two-tower`: softmax policy with a value head. For sequences: `v-trace`, an actor-critic on session segments, and what learns where `gamma` is above 0 and nothing is named; `reinforce`, `ppo`, `a3c`: other policy gradients; `dqn`, `slate-q`: values. `classifier`: what others chose, imitated by the smallest network.',
    ),
  initial: z.enum(['random', 'greedy']).default('random').describe('What serves before the first release.'),
  mode: z
    .enum(['online', 'apprentice', 'logging_only'])
    .default('online')
    .describe(
      "What decisions are for, until an order of `feedloop release` says otherwise. `online`: the policy's slate is shown; `apprentice`: the request's `baseline`, with what the policy would have shown beside it; `logging_only`: the caller has shown its baseline already.",
    ),
  baselineEpsilon: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      'In apprentice mode a place of the baseline is given to a candidate at random with this probability: its propensities are then exact, and other policies can be evaluated on it. 0: shown as it is.',
    ),
  explorer: explorerSchema
    .prefault({})
    .describe(
      'How the policy explores: a name with the parameters that it takes. Without a name `thompson`, over logits `softmax`, over values `epsilon-greedy`.',
    ),
  candidates: candidates.prefault({}),
  constraints: constraintsSchema
    .prefault({})
    .describe('What a slate may and must hold: each a mask or a shift of the chance of a slot given those before it.'),
  linearGaussian: linearGaussian.prefault({}),
  baggedLinear: baggedLinear.prefault({}),
  twoTower: twoTower.prefault({}),
  neuralLinear: neuralLinear.prefault({}),
  vTrace: vTrace.prefault({}),
  reinforce: reinforce.prefault({}),
  ppo: ppo.prefault({}),
  a3c: a3c.prefault({}),
  dqn: dqn.prefault({}),
  slateQ: slateQ.prefault({}),
  classifier: classifier.prefault({}),
  weighing: weighing.prefault({}),
  warmStart: warmStart
    .optional()
    .describe(
      "A log of others' decisions, learned once, before the transitions of the policy's next version: every version from there on names its digest.",
    ),
  rewards: z
    .record(z.string(), component.prefault({}))
    .default({ click: component.parse({}) })
    .transform(inheritsNothing)
    .describe('Reward components by event type; types not listed carry no reward.'),
  rewardRange: z
    .strictObject({ min: z.number().describe('Least scalar reward.'), max: z.number().describe('Greatest.') })
    .refine(({ min, max }) => min < max, 'min must be less than max')
    .optional()
    .describe('Range of the scalar reward of a decision, mapped to [0, 1] by a fixed line; none: as it is.'),
  defaultReward: z
    .record(z.string(), z.number())
    .default({})
    .transform(inheritsNothing)
    .describe('Reward of a decision without outcomes, by component.'),
  gamma: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Discount a second between decisions, (0, 1]; 0: bandit, no continuation is needed to learn.'),
  learn: z
    .enum(['immediately', 'at-close'])
    .default('immediately')
    .describe('`immediately`: a transition as soon as the decision is seen; `at-close`: when its window closes.'),
  attribution: z
    .enum(['last-touch', 'first-touch', 'even-split'])
    .default('last-touch')
    .describe(
      'Which of the decisions that showed the item within the window an outcome without a decision id counts for: the last, the first, or all of them in equal parts.',
    ),
  attributionWindowMs: ms(10 * minute).describe(
    'An outcome counts for a decision up to this long after it; later, only one that names it, as a correction (`correctionWindowMs`).',
  ),
  backwardWindowMs: ms(0).describe(
    'An outcome without a decision id may also count for a decision up to this long after it, where none came before: for clocks that lag. One that names its decision may always be earlier by this or limits.futureSkewMs.',
  ),
  correctionWindowMs: ms(7 * day).describe(
    'After `attributionWindowMs`, outcomes that name their decision still count, as corrections, up to this long after it; later ones are orphans.',
  ),
  sessionGapMs: ms(30 * minute).describe(
    'A session without a given id is cut by a gap of this length; an episode is truncated by it.',
  ),
})
