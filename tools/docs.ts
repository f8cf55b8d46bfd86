/**
 * Writes the tables of docs/errors.md, docs/metrics.md and docs/configuration.md from the constants that they describe.
 * What stands above the marker in each file is written by hand and kept. A test checks that all three are current.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { configSchema, environmentOverrides } from '../src/config.ts'
import { type ErrorEntry, errorTable } from '../src/errors.ts'
import { learnerStatistics } from '../src/learner/statistics.ts'
import { type MetricEntry, metricTable } from '../src/metric-table.ts'

const marker = '<!-- The rest is made by `npm run generate:docs`. Do not edit below this line. -->'
const folder = new URL('../docs/', import.meta.url)

export const documents: Readonly<Record<string, () => string>> = {
  'errors.md': errorsTable,
  'metrics.md': metricsTable,
  'configuration.md': configurationTables,
}

/** The whole file as it must be: the introduction on disk, then the tables. */
export function documentText(name: string): string {
  const onDisk = readFileSync(new URL(name, folder), 'utf8')
  const end = onDisk.indexOf(marker)
  if (end < 0) throw new Error(`docs/${name} has no marker line: ${marker}`)
  return `${onDisk.slice(0, end)}${marker}\n\n${documents[name]()}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  return line(head) + line(head.map(() => '---')) + rows.map(row => line(row.map(escapeCell))).join('')
}
const escapeCell = (text: string) => text.replaceAll('|', '\\|')
const code = (text: string) => `\`${text}\``

function errorsTable(): string {
  const entries = Object.entries(errorTable) as [string, ErrorEntry][]
  return table(
    ['code', 'kind', 'scope', 'meaning', 'what to do'],
    entries.map(([name, entry]) => [code(name), entry.kind, entry.scope, entry.meaning, entry.remedy]),
  )
}

function metricsTable(): string {
  const entries = Object.entries(metricTable) as [string, MetricEntry][]
  return table(
    ['metric', 'type', 'labels', 'meaning'],
    entries.map(([name, { type, labels = [], help }]) => [code(name), type, labels.map(code).join(', '), help]),
  ).concat(
    '\n## Learning statistics\n\nThe values of `stat`; a learner gives those that it has.\n\n',
    table(
      ['stat', 'meaning'],
      Object.entries(learnerStatistics).map(([name, meaning]) => [code(name), meaning]),
    ),
  )
}

/** The part of JSON Schema that `z.toJSONSchema` makes of our schema. */
export interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly required?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
}

export const configJsonSchema = (): JsonSchema => z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema

function configurationTables(): string {
  const sections = Object.entries(configJsonSchema().properties!)
  const keys = sections.map(([name, schema]) => {
    const rows = fieldRows(name, schema)
    return `## ${name}\n\n${table(['key', 'type', 'default', 'meaning'], rows)}`
  })
  const variables = Object.entries(environmentOverrides).map(([name, apply]) => {
    const target = {}
    apply(target, '0')
    return [code(name), code(pathOf(target))]
  })
  return `${keys.join('\n')}\n## Environment variables\n\n${table(['variable', 'overrides'], variables)}`
}

const pathOf = (nested: object): string => {
  const [key, value] = Object.entries(nested)[0]
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? `${key}.${pathOf(value)}` : key
}

/** One row for each field, nested ones by their path: `[]` an element, `<name>` any key. */
function fieldRows(path: string, schema: JsonSchema): string[][] {
  const inside = children(path, schema)
  const nested = inside.flatMap(([childPath, child]) => fieldRows(childPath, child))
  const described = schema.description !== undefined || inside.length === 0
  return described ? [[code(path), typeText(schema), defaultText(schema), schema.description ?? ''], ...nested] : nested
}

function children(path: string, schema: JsonSchema): [string, JsonSchema][] {
  const required = (name: string) => `${path}.${name}`
  const fields = Object.entries(schema.properties ?? {}).map(
    ([name, child]) => [required(name), child] as [string, JsonSchema],
  )
  if (isStructured(schema.items)) fields.push([`${path}[]`, schema.items])
  if (typeof schema.additionalProperties === 'object' && isStructured(schema.additionalProperties))
    fields.push([`${path}.<name>`, schema.additionalProperties])
  for (const choice of schema.anyOf ?? schema.oneOf ?? [])
    if (isStructured(choice)) fields.push(...children(path, choice))
  return fields
}

const isStructured = (schema: JsonSchema | undefined): schema is JsonSchema =>
  schema?.type === 'object' || (schema?.anyOf ?? schema?.oneOf ?? []).some(isStructured)

function typeText(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map(value => code(String(value))).join(', ')
  if (schema.const !== undefined) return code(String(schema.const))
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return [...new Set(choices.map(typeText))].join(' or ')
  if (schema.type === 'array') return `list of ${typeText(schema.items ?? {})}`
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object')
    return `map to ${typeText(schema.additionalProperties)}`
  return `${schema.type ?? 'any'}${boundsText(schema)}`
}

function boundsText({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const bounds: string[] = []
  const meant = (bound: number | undefined): bound is number =>
    bound !== undefined && Math.abs(bound) !== Number.MAX_SAFE_INTEGER
  if (meant(minimum)) bounds.push(`>= ${minimum}`)
  if (meant(exclusiveMinimum)) bounds.push(`> ${exclusiveMinimum}`)
  if (meant(maximum)) bounds.push(`<= ${maximum}`)
  if (meant(exclusiveMaximum)) bounds.push(`< ${exclusiveMaximum}`)
  return bounds.length > 0 ? ` ${bounds.join(', ')}` : ''
}

function defaultText({ default: value }: JsonSchema): string {
  const plain = value === undefined || (typeof value === 'object' && JSON.stringify(value).length > 120)
  return plain ? '' : code(JSON.stringify(value))
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const name of Object.keys(documents)) writeFileSync(new URL(name, folder), documentText(name))
