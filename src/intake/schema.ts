/** The shape of a mapping in YAML: `sources` of the configuration, and the outputs of a replay. */
import { z } from 'zod'
import { conversions } from './convert.ts'

/** YAML rounds an integer beyond 2^53; what it was is lost. */
const isRounded = (value: unknown): boolean => Number.isInteger(value) && !Number.isSafeInteger(value)
const plain = z
  .union([z.string(), z.number(), z.boolean()])
  .refine(value => !isRounded(value), 'an integer beyond 2^53: write it in quotes')
/** What a value can come from; each value names exactly one. */
export const pickers = ['path', 'header', 'attribute', 'key', 'origin', 'timestamp', 'constant', 'template'] as const

const picked = {
  path: z.string().optional().describe('Where in the value: `a.b[0].c`.'),
  header: z.string().optional().describe('Name of a record header.'),
  attribute: z.string().optional().describe('Name of a CloudEvents attribute.'),
  key: z.literal(true).optional().describe("The record's key, as text."),
  origin: z
    .literal(true)
    .optional()
    .describe('`topic/partition/offset`, or `file/row`: unique, the same on every run.'),
  timestamp: z.literal(true).optional().describe("The record's own time, ms since the epoch."),
}
const one = z.strictObject({
  ...picked,
  constant: z
    .union([plain, z.array(plain), z.record(z.string(), plain)])
    .optional()
    .describe('Always this.'),
  template: z
    .string()
    .optional()
    .describe('A text with paths in braces: `{user.id}-{sku}`; `{#origin}` is the origin.'),
  type: z.enum(conversions).optional().describe('What to convert to; by default what the field holds.'),
  separator: z.string().min(1).optional().describe('Cuts a text into a list or map.'),
  map: z.record(z.string(), plain).optional().describe('Replaces values, before conversion; others stay.'),
  default: z
    .union([plain, z.array(plain)])
    .optional()
    .describe('Where the value is absent.'),
})
const field = z.union([
  one,
  z.strictObject({ entries: z.record(z.string(), one).describe('Builds a map, entry by entry.') }),
])
const condition = z.strictObject({ ...picked, in: z.array(plain).min(1).describe('Compared as texts.') })

export const outputSchema = z.strictObject({
  to: z.enum(['requests', 'events', 'items', 'users']).describe('Our topic.'),
  when: condition.optional().describe('Only records whose value is one of `in`; others are passed over.'),
  fields: z.record(z.string(), field).describe('Our fields, each with where it comes from.'),
})
export const sourceSchema = outputSchema.extend({
  topic: z.string().min(1).describe('Your topic.'),
  format: z.enum(['json', 'avro', 'cloudevents']).default('json').describe('What the values are.'),
  schema: z.string().optional().describe('Avro schema file, where no registry knows the schema.'),
})

export type OutputMapping = z.output<typeof outputSchema>
export type SourceMapping = z.output<typeof sourceSchema>
export type Target = OutputMapping['to']
export type One = z.output<typeof one>
export type Picked = Pick<One, 'path' | 'header' | 'attribute' | 'key' | 'origin' | 'timestamp'>
