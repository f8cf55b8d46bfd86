/**
 * Mappings: how a record of someone else's topic, or a row of a file, becomes one of ours, field by field. A mapping is
 * data in YAML, checked whole at the start (every problem in one MAPPING_INVALID); compiled, it is a list of fields to
 * fill. It can pick, name, convert and build texts; it cannot compute. Fields of ours that have a default may be left
 * out; where a picked value is absent or null the mapping's `default`, then the schema's, then FIELD_MISSING applies.
 */
import { readFileSync } from 'node:fs'
import type avro from 'avsc'
import type { z } from 'zod'
import type { ConfigUse } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import { currentSchemas } from '../log/wire/schemas.ts'
import { compile } from '../log/wire/types.ts'
import { topics } from '../pipeline.ts'
import { type Conversion, convert } from './convert.ts'
import { type Path, parsePath } from './path.ts'
import {
  type One,
  type OutputMapping,
  type Picked,
  pickers,
  type SourceMapping,
  sourceSchema,
  type Target,
} from './schema.ts'

/** Where a value comes from. */
export type Picker =
  | { readonly from: 'path'; readonly path: Path }
  | { readonly from: 'header' | 'attribute'; readonly name: string }
  | { readonly from: 'key' | 'origin' | 'timestamp' }
  | { readonly from: 'constant'; readonly value: unknown }
  | { readonly from: 'template'; readonly parts: readonly (string | Path | 'origin')[] }

export interface CompiledValue {
  /** For messages: our field, or `field.entry`. */
  readonly name: string
  readonly pick: Picker
  readonly type: Conversion | null
  readonly separator?: string
  readonly map: ReadonlyMap<string, unknown> | null
  readonly fallback: unknown
}
export interface CompiledField {
  readonly name: string
  /** One value, or the entries of a map. */
  readonly value: CompiledValue | readonly (readonly [string, CompiledValue])[]
  readonly required: boolean
}
export interface CompiledMapping {
  readonly to: Target
  readonly keyField: 'user_id' | 'item_id'
  readonly when: { readonly value: CompiledValue; readonly in: ReadonlySet<string> } | null
  readonly fields: readonly CompiledField[]
  /** Schema defaults of the fields that have one. */
  readonly defaults: Readonly<Record<string, unknown>>
}

interface SchemaField {
  readonly name: string
  readonly type: unknown
  readonly default?: unknown
}

const schemaFields = (to: Target): readonly SchemaField[] =>
  (currentSchemas().find(each => each.name === topics[to].schema)!.schema as { fields: SchemaField[] }).fields

/** What a field of ours holds, as a conversion. */
function naturalType({ name, type }: SchemaField): Conversion {
  const kind = Array.isArray(type) ? type.find(branch => branch !== 'null') : type
  if (typeof kind === 'object') return (kind as { type: string }).type === 'map' ? 'map' : 'list'
  if (kind === 'string' || kind === 'boolean') return kind
  return name.endsWith('_ms') ? 'timestamp-ms' : 'number'
}

/** Runs `work`; a problem it throws is noted with the place, and the answer is null. */
function noting<T>(problems: string[], place: string, work: () => T): T | null {
  try {
    return work()
  } catch (error) {
    problems.push(`${place}: ${(error as Error).message}`)
    return null
  }
}

function compilePick(source: Picked & Partial<One>): Picker {
  const given = pickers.filter(name => source[name] !== undefined)
  if (given.length !== 1)
    throw new Error(`needs exactly one of ${pickers.join(', ')}; has ${given.join(', ') || 'none'}`)
  const [from] = given
  if (from === 'path') return { from, path: parsePath(source.path!) }
  if (from === 'header' || from === 'attribute') return { from, name: source[from]! }
  if (from === 'constant') return { from, value: source.constant }
  if (from === 'template') return { from, parts: parseTemplate(source.template!) }
  return { from }
}

/** Literal texts at even places, what is in braces at odd ones. */
function parseTemplate(text: string): (string | Path | 'origin')[] {
  const parts = text.split(/\{([^{}]*)\}/)
  if (parts.some((part, i) => i % 2 === 0 && /[{}]/.test(part))) throw new Error(`\`${text}\`: braces do not match`)
  return parts.map((part, i) => (i % 2 === 0 ? part : part === '#origin' ? 'origin' : parsePath(part)))
}

function compileValue(name: string, source: Picked & Partial<One>, type: Conversion | null): CompiledValue {
  const compiled: CompiledValue = {
    name,
    pick: compilePick(source),
    type: source.type ?? type,
    separator: source.separator,
    map: source.map ? new Map(Object.entries(source.map)) : null,
    fallback: source.default,
  }
  for (const fixed of [source.constant, source.default])
    if (fixed !== undefined && compiled.type) convert(fixed, compiled.type, compiled.separator)
  return compiled
}

type FieldMapping = OutputMapping['fields'][string]

function compileField(of: SchemaField, source: FieldMapping): CompiledField {
  const required = of.default === undefined
  const natural = naturalType(of)
  if (!('entries' in source)) return { name: of.name, value: compileValue(of.name, source, natural), required }
  if (natural !== 'map') throw new Error(`is a ${natural}, not a map of entries`)
  if (Object.hasOwn(source.entries, '__proto__')) throw new Error('a map key may not be __proto__')
  const entries = Object.entries(source.entries)
  return {
    name: of.name,
    value: entries.map(([key, each]) => [key, compileValue(`${of.name}.${key}`, each, null)] as const),
    required,
  }
}

/** Compiles one output; its problems are added to `problems`, each with its place. */
export function compileOutput(mapping: OutputMapping, place: string, problems: string[]): CompiledMapping {
  const known = new Map(schemaFields(mapping.to).map(each => [each.name, each]))
  const fields: CompiledField[] = []
  for (const [name, source] of Object.entries(mapping.fields)) {
    const of = known.get(name)
    if (!of) problems.push(`${place}.fields.${name}: ${mapping.to} has no such field (${[...known.keys()].join(', ')})`)
    const compiled = of && noting(problems, `${place}.fields.${name}`, () => compileField(of, source))
    if (compiled) fields.push(compiled)
  }
  for (const each of known.values())
    if (each.default === undefined && !Object.hasOwn(mapping.fields, each.name))
      problems.push(`${place}.fields.${each.name}: is needed`)
  const { when } = mapping
  const value =
    when &&
    noting(problems, `${place}.when`, () => compileValue('when', { ...when, in: undefined } as Picked, 'string'))
  const optional = [...known.values()].filter(each => each.default !== undefined)
  return {
    to: mapping.to,
    keyField: topics[mapping.to].key,
    when: when && value ? { value, in: new Set(when.in.map(String)) } : null,
    fields,
    defaults: Object.fromEntries(optional.map(each => [each.name, each.default])),
  }
}

const valuesOf = (mapping: CompiledMapping): CompiledValue[] => [
  ...(mapping.when ? [mapping.when.value] : []),
  ...mapping.fields.flatMap(({ value }) => (Array.isArray(value) ? value.map(([, each]) => each) : [value])),
]

/** What a source's format and its fields must agree on. */
function formatProblems(
  source: SourceMapping,
  mapping: CompiledMapping,
  place: string,
  hasRegistry: boolean,
): string[] {
  const { format, schema } = source
  const problems: string[] = []
  const usesAttributes = valuesOf(mapping).some(({ pick }) => pick.from === 'attribute')
  if (format !== 'cloudevents' && usesAttributes) problems.push(`${place}: attributes need format: cloudevents`)
  if (format === 'avro' && !schema && !hasRegistry) problems.push(`${place}: avro needs a schema file, or registry.url`)
  if (format === 'json' && schema) problems.push(`${place}.schema: is for avro and cloudevents`)
  return problems
}

/** A topic of yours with all its mappings: what reads it, reads it once. */
export interface CompiledSource extends Pick<SourceMapping, 'topic' | 'format' | 'schema'> {
  /** Of the schema file; null where there is none, or it was not to be opened. */
  readonly type: avro.Type | null
  readonly mappings: readonly CompiledMapping[]
}

export interface SourcesUse extends ConfigUse {
  readonly hasRegistry: boolean
}

/** Compiles the `sources` of a configuration, adding every problem to `problems`. */
export function checkSources(
  sources: readonly unknown[],
  { hasRegistry, openSchemas }: SourcesUse,
  problems: string[],
): CompiledSource[] {
  const byTopic = new Map<string, CompiledSource & { readonly mappings: CompiledMapping[] }>()
  for (const [i, input] of sources.entries()) {
    const place = `sources[${i}]`
    const source = checkShape(sourceSchema, input, place, problems)
    if (!source) continue
    const { topic, format, schema } = source
    const mapping = compileOutput(source, place, problems)
    problems.push(...formatProblems(source, mapping, place, hasRegistry))
    const open = schema !== undefined && openSchemas === true
    const type = open ? noting(problems, `${place}.schema`, () => readSchema(schema)) : null
    const known = byTopic.get(topic) ?? { topic, format, schema, type, mappings: [] }
    if (known.format !== format || known.schema !== schema)
      problems.push(`${place}: another source of ${topic} has another format or schema; its records have one`)
    known.mappings.push(mapping)
    byTopic.set(topic, known)
  }
  return [...byTopic.values()]
}

/** Compiles them for use. @throws FeedloopError MAPPING_INVALID with every problem */
export function compileSources(sources: readonly unknown[], hasRegistry: boolean): CompiledSource[] {
  const problems: string[] = []
  const compiled = checkSources(sources, { hasRegistry, openSchemas: true }, problems)
  throwProblems(problems)
  return compiled
}

/** @throws Error when the file is no Avro schema */
function readSchema(file: string): avro.Type {
  try {
    return compile(JSON.parse(readFileSync(file, 'utf8')))
  } catch (cause) {
    throw new Error(`${file}: ${(cause as Error).message}`, { cause })
  }
}

/** The input as `schema` says, or null with its problems noted. */
export function checkShape<T>(schema: z.ZodType<T>, input: unknown, place: string, problems: string[]): T | null {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  for (const issue of result.error.issues) problems.push(`${[place, ...issue.path].join('.')}: ${issue.message}`)
  return null
}

/** @throws FeedloopError MAPPING_INVALID unless there are none */
export function throwProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw new FeedloopError('MAPPING_INVALID', `\n  ${problems.join('\n  ')}`)
}
