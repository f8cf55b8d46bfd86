/**
 * One source record becomes one record of ours, is refused with a code, or is passed over. Pure: reading bytes is
 * formats.ts, appending is service.ts (topics) and replay.ts (files), which share this step.
 */
import type { BehaviorEvent, Item, Request, UserProfile } from '../../schemas/records.ts'
import type { ErrorCode } from '../errors.ts'
import type { Fault, Limits } from '../events/validate.ts'
import { validateForeignEvent, validateItem, validateProfile, validateRequest } from '../events/validate.ts'
import { type Conversion, convert } from './convert.ts'
import type { CompiledField, CompiledMapping, CompiledValue } from './mapping.ts'
import { follow, type Path } from './path.ts'
import type { Target } from './schema.ts'

/** A record as the mapping sees it, whatever it came in. */
export interface SourceRecord {
  readonly value: unknown
  readonly key: string | null
  readonly header: (name: string) => string | undefined
  /** CloudEvents attributes; empty otherwise. */
  readonly attributes: Readonly<Record<string, unknown>>
  /** `topic/partition/offset` or `file/row`. */
  readonly origin: string
  readonly timestampMs: number
}

export type Mapped =
  | { readonly kind: 'mapped'; readonly to: Target; readonly key: string; readonly value: Record<string, unknown> }
  | { readonly kind: 'refused'; readonly fault: Fault }
  | { readonly kind: 'skipped' }

class Unmappable extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, detail: string) {
    super(detail)
    this.code = code
  }
}

/** @throws Unmappable where a part is a list or an object: ids made of `[object Object]` would all be one */
function fill(name: string, parts: readonly (string | Path | 'origin')[], source: SourceRecord): string | undefined {
  let text = ''
  for (const [i, part] of parts.entries()) {
    const value = i % 2 === 0 ? part : part === 'origin' ? source.origin : follow(part as Path, source.value)
    if (value === undefined || value === null) return undefined
    text += converted(name, value, 'string')
  }
  return text
}

function pick({ name, pick }: CompiledValue, source: SourceRecord): unknown {
  switch (pick.from) {
    case 'path':
      return follow(pick.path, source.value)
    case 'header':
      return source.header(pick.name)
    case 'attribute':
      return Object.hasOwn(source.attributes, pick.name) ? source.attributes[pick.name] : undefined
    case 'key':
      return source.key
    case 'origin':
      return source.origin
    case 'timestamp':
      return source.timestampMs
    case 'constant':
      return pick.value
    case 'template':
      return fill(name, pick.parts, source)
  }
}

/** The converted value; undefined where the record has none. */
function read(value: CompiledValue, source: SourceRecord): unknown {
  const raw = pick(value, source) ?? value.fallback
  if (raw === undefined || raw === null) return undefined
  const replaced = value.map?.get(String(raw)) ?? raw
  return value.type === null ? replaced : converted(value.name, replaced, value.type, value.separator)
}

function converted(name: string, value: unknown, to: Conversion, separator?: string): unknown {
  try {
    return convert(value, to, separator)
  } catch (error) {
    throw new Unmappable('FIELD_UNCONVERTIBLE', `${name}: ${(error as Error).message}`)
  }
}

const isEntries = (value: CompiledField['value']): value is Exclude<CompiledField['value'], CompiledValue> =>
  Array.isArray(value)

function readField({ name, value }: CompiledField, source: SourceRecord): unknown {
  if (!isEntries(value)) return read(value, source)
  const map: Record<string, unknown> = {}
  for (const [key, each] of value) {
    const entry = read(each, source)
    if (entry !== undefined) map[key] = entry
  }
  return converted(name, map, 'map')
}

const validators = {
  requests: (value, nowMs, limits) => validateRequest(value as unknown as Request, nowMs, limits),
  events: (value, nowMs, limits) => validateForeignEvent(value as unknown as BehaviorEvent, nowMs, limits),
  items: (value, nowMs, limits) => validateItem(value as unknown as Item, nowMs, limits),
  users: (value, nowMs, limits) => validateProfile(value as unknown as UserProfile, nowMs, limits),
} satisfies Record<Target, (value: Record<string, unknown>, nowMs: number, limits: Limits) => Fault | null>

function build(mapping: CompiledMapping, source: SourceRecord): Record<string, unknown> {
  const value: Record<string, unknown> = { ...mapping.defaults }
  for (const field of mapping.fields) {
    const filled = readField(field, source)
    if (filled !== undefined) value[field.name] = filled
    else if (field.required) throw new Unmappable('FIELD_MISSING', `${field.name} is absent`)
  }
  return value
}

/** Maps one record. Refusals: FIELD_MISSING, FIELD_UNCONVERTIBLE, and those of events/validate.ts. */
export function mapRecord(mapping: CompiledMapping, source: SourceRecord, nowMs: number, limits: Limits): Mapped {
  try {
    if (mapping.when && !mapping.when.in.has(String(read(mapping.when.value, source)))) return { kind: 'skipped' }
    const value = build(mapping, source)
    const fault = validators[mapping.to](value, nowMs, limits)
    if (fault) return { kind: 'refused', fault }
    return { kind: 'mapped', to: mapping.to, key: value[mapping.keyField] as string, value }
  } catch (error) {
    if (!(error instanceof Unmappable)) throw error
    return { kind: 'refused', fault: { code: error.code, detail: error.message } }
  }
}
