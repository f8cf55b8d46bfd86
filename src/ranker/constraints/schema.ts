/** The constraints' part of a policy's configuration. Meaning and formulas: docs/ranking.md. */
import { z } from 'zod'
import { conditionSource } from '../condition.ts'

const itemId = z.string().min(1)

const pin = z.strictObject({
  position: z.number().int().nonnegative().describe('Place in the slate, from 0.'),
  item: itemId.describe('Item id.'),
})

const quota = z
  .strictObject({
    attribute: z
      .string()
      .min(1)
      .describe('Item attribute whose values are the groups, e.g. `category`; items without it are in none.'),
    value: z
      .union([z.string(), z.number(), z.boolean()])
      .optional()
      .describe('The group: items with this value; none: the cap is of every value.'),
    floor: z
      .number()
      .int()
      .nonnegative()
      .default(0)
      .describe('At least so many slots, as far as candidates and caps let it.'),
    cap: z.number().int().nonnegative().optional().describe('At most so many slots; never gives way.'),
  })
  .refine(({ floor, cap }) => floor > 0 || cap !== undefined, 'it has neither floor nor cap')
  .refine(({ floor, cap }) => cap === undefined || floor <= cap, 'the floor is above the cap')
  .refine(({ floor, value }) => floor === 0 || value !== undefined, 'a floor needs a value')

const boost = z.strictObject({
  when: conditionSource.describe('CEL on the item and the moment, e.g. `item.margin > 0.3`.'),
  shift: z
    .number()
    .min(-10)
    .max(10)
    .describe('Added to the logit of an item that meets it: its odds against one that does not are times exp(shift).'),
})

const diversity = z.strictObject({
  kind: z
    .enum(['mmr', 'dpp'])
    .default('mmr')
    .describe(
      '`mmr`: less by the greatest cosine to an item before; `dpp`: by the logarithm of what the items before leave unexplained.',
    ),
  strength: z.number().positive().max(100).default(1).describe('Factor of the shift.'),
})

export const constraintsSchema = z.strictObject({
  pinned: z
    .array(pin)
    .default([])
    .refine(pins => new Set(pins.map(each => each.position)).size === pins.length, 'two items at one position')
    .refine(pins => new Set(pins.map(each => each.item)).size === pins.length, 'an item at two positions')
    .describe('Items put at places; the rest of the slate is drawn around them.'),
  banned: z.array(itemId).default([]).describe('Items that are never shown.'),
  excludeSeen: z
    .strictObject({
      types: z
        .array(z.string())
        .min(1)
        .optional()
        .describe('Interactions that make an item seen, of those in `state.typeWeights`; none: all of these.'),
      withinMs: z.number().int().positive().optional().describe('Only newer ones; none: all that the history holds.'),
    })
    .optional()
    .describe("Items in the person's history (`state.historyLength`) are not shown again."),
  quotas: z
    .array(quota)
    .default([])
    .refine(
      quotas =>
        new Set(quotas.map(({ attribute, value }) => JSON.stringify([attribute, value]))).size === quotas.length,
      'a group has two quotas',
    )
    .describe(
      'Bounds of how many slots of a slate go to a group of items. Where not all floors can be met, the last listed gives way first.',
    ),
  boosts: z.array(boost).default([]).describe('Business rules that raise or lower items; several add up.'),
  diversity: diversity
    .optional()
    .describe('Makes items less likely that are like those before them, by their vectors.'),
})

export type ConstraintsConfig = z.output<typeof constraintsSchema>
export type QuotaConfig = ConstraintsConfig['quotas'][number]
