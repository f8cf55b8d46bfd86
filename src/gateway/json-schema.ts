/**
 * JSON Schema (2020-12, as OpenAPI 3.1 takes it) of an Avro record, so that what HTTP takes and gives is stated once, in
 * schemas/*.avsc. A field with a default may be left out; an unknown one is refused. Avro's `bytes` have no JSON form
 * here: no record of the door has any.
 */
export type JsonSchema = Readonly<Record<string, unknown>>

/** What comes in is bounded. */
export type Way = 'in' | 'out'

/** The part of Avro's schema language that schemas/*.avsc use. */
export interface AvroRecord {
  readonly type: 'record'
  readonly name: string
  readonly doc?: string
  readonly fields: readonly AvroField[]
}
export interface AvroField {
  readonly name: string
  readonly type: AvroType
  readonly doc?: string
  readonly default?: unknown
}
type AvroType =
  | string
  | readonly AvroType[]
  | AvroRecord
  | { readonly type: 'array'; readonly items: AvroType }
  | { readonly type: 'map'; readonly values: AvroType }
  | { readonly type: 'enum'; readonly symbols: readonly string[]; readonly doc?: string }

/** Longest id, name or word, code points. Kafka would take more; nobody means it. */
export const MAX_TEXT = 1024
/** The same in a path: a code point is at most four bytes, and each is written as %XX. */
export const MAX_PATH_TEXT = 12 * MAX_TEXT

/** No half of a surrogate pair, which is no Unicode: as UTF-8 it becomes another id than the caller's. The second branch is
 * for readers of the pattern that see UTF-16 units. */
const pattern = '^(?:[^\\uD800-\\uDFFF]|[\\uD800-\\uDBFF][\\uDC00-\\uDFFF])*$'
const strings: Readonly<Record<Way, JsonSchema>> = {
  in: { type: 'string', maxLength: MAX_TEXT, pattern },
  out: { type: 'string' },
}
const INT = 2 ** 31

const primitives: Readonly<Record<string, JsonSchema>> = {
  null: { type: 'null' },
  boolean: { type: 'boolean' },
  int: { type: 'integer', minimum: -INT, maximum: INT - 1 },
  long: { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
  double: { type: 'number' },
}

/** @throws Error for what has no JSON form: a fault of the schema, seen at the start */
function schemaOf(type: AvroType, way: Way): JsonSchema {
  if (type === 'string') return strings[way]
  if (typeof type === 'string') return primitives[type] ?? fail(type)
  if (Array.isArray(type)) return unionOf(type, way)
  const named = type as Exclude<AvroType, string | readonly AvroType[]>
  switch (named.type) {
    case 'record':
      return objectOf(named, way)
    case 'array':
      return { type: 'array', items: schemaOf(named.items, way) }
    case 'map':
      return { type: 'object', propertyNames: strings[way], additionalProperties: schemaOf(named.values, way) }
    case 'enum':
      return { type: 'string', enum: named.symbols }
  }
}

const fail = (type: string): never => {
  throw new Error(`Avro ${type} has no JSON form`)
}

/** Keywords that bind one type bind only values of that type: branches of different types go into one schema. */
const unionOf = (branches: readonly AvroType[], way: Way): JsonSchema => {
  const schemas = branches.map(branch => schemaOf(branch, way))
  return Object.assign({}, ...schemas, { type: schemas.map(({ type }) => type).reverse() })
}

/** @param fields those that are wanted, in the record's order; default all */
export function objectOf(record: AvroRecord, way: Way, fields?: readonly string[]): JsonSchema {
  const wanted = record.fields.filter(({ name }) => fields === undefined || fields.includes(name))
  return {
    type: 'object',
    ...(record.doc && { description: record.doc }),
    required: wanted.filter(field => field.default === undefined).map(({ name }) => name),
    additionalProperties: false,
    properties: Object.fromEntries(wanted.map(field => [field.name, propertyOf(field, way)])),
  }
}

const propertyOf = ({ type, doc, default: preset }: AvroField, way: Way): JsonSchema => ({
  ...schemaOf(type, way),
  ...(doc && { description: doc }),
  ...(preset !== undefined && { default: preset }),
})
