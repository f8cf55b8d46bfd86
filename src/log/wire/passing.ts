/**
 * Parts of records that a stage passes on unread: the joiner copies a decision's state and candidates into transitions
 * and never looks into them. Decoded by a passing type such a part is its own Avro bytes, checked but not turned into
 * objects, and encoded again it is those bytes. So a value of a passing type is what it always was, or `Encoded`.
 *
 * Bytes are passed on only where the writer's schema of the part is the current one; of another writer the part is
 * decoded, resolved and encoded again. Who stores `Encoded` beyond a release would have to keep the schema with it.
 */
import avro from 'avsc'
import { createSlab } from './slab.ts'
import { BoundedArray, compile, type Tap } from './types.ts'

declare const encodes: unique symbol

/** The Avro bytes of a `T`, by its current schema. */
export type Encoded<T> = Buffer & { readonly [encodes]?: T }
/** A `T` that may have come as its bytes. */
export type Passed<T> = T | Encoded<T>

interface Resolver {
  /** null: the one cannot be read as the other. */
  _read: ((tap: Tap) => unknown) | null
}
type Skip = { _skip(tap: Tap): void }

const kept = createSlab()

/** The bytes that `type` takes from here on, copied: what they came in may be large and is not to be held. */
function readBytes(type: Skip, tap: Tap): Buffer {
  const start = tap.pos
  type._skip(tap)
  if (tap.pos < start) throw new Error('a length is negative')
  // Beyond the end there is nothing to copy; the caller looks at the position.
  return tap.pos > tap.buf.length ? Buffer.alloc(0) : kept(tap.buf, start, tap.pos)
}

const sameSchema = (a: avro.Type, b: avro.Type): boolean => JSON.stringify(a.schema()) === JSON.stringify(b.schema())

/** Makes `resolver` give bytes: those of the record where it has the current schema, else made anew. */
function passResolved(type: avro.Type & Skip, writer: avro.Type, resolver: Resolver): void {
  if (sameSchema(type, writer)) resolver._read = tap => readBytes(type, tap)
  else {
    const read = resolver._read!.bind(resolver)
    resolver._read = tap => type.toBuffer(read(tap))
  }
}

/** What avsc's types have and its declarations leave out. */
interface Inner {
  _createWriter(): (tap: Tap, value: unknown) => void
  _createChecker(): (value: unknown, ...rest: unknown[]) => boolean
  _read(tap: Tap): unknown
  _skip(tap: Tap): void
  _write(tap: Tap, value: unknown): void
  _check(value: unknown, ...rest: unknown[]): boolean
  _update(resolver: Resolver, writer: avro.Type, options: object): void
}
type InnerClass = new (schema: avro.Schema, options: avro.ForSchemaOptions) => avro.Type & Inner
const RecordType = avro.types.RecordType as unknown as InnerClass
const ArrayType = BoundedArray as unknown as InnerClass
const UnionType = avro.types.UnwrappedUnionType as unknown as InnerClass

class PassingRecord extends RecordType {
  _createReader() {
    return (tap: Tap) => readBytes(this, tap)
  }
  override _createWriter() {
    const write = super._createWriter()
    return (tap: Tap, value: unknown) => (Buffer.isBuffer(value) ? tap.writeFixed(value) : write(tap, value))
  }
  override _createChecker() {
    const check = super._createChecker()
    return (value: unknown, ...rest: unknown[]) => Buffer.isBuffer(value) || check.call(this, value, ...rest)
  }
  override _update(resolver: Resolver, writer: avro.Type, options: object): void {
    super._update(resolver, writer, options)
    passResolved(this, writer, resolver)
  }
}

class PassingArray extends ArrayType {
  override _read(tap: Tap): unknown {
    return readBytes(this, tap)
  }
  override _write(tap: Tap, value: unknown): void {
    if (Buffer.isBuffer(value)) tap.writeFixed(value)
    else super._write(tap, value)
  }
  override _check(value: unknown, ...rest: unknown[]): boolean {
    return Buffer.isBuffer(value) || super._check(value, ...rest)
  }
  override _update(resolver: Resolver, writer: avro.Type, options: object): void {
    super._update(resolver, writer, options)
    if (!resolver._read) return
    resolver._read = super._read
    passResolved(this, writer, resolver)
  }
}

/** A part that may be null. avsc would look for bytes among the branches. */
class PassingOrNull extends UnionType {
  override _write(tap: Tap, value: unknown): void {
    if (Buffer.isBuffer(value)) {
      tap.writeLong(1)
      tap.writeFixed(value)
    } else super._write(tap, value)
  }
  override _check(value: unknown, ...rest: unknown[]): boolean {
    return Buffer.isBuffer(value) || super._check(value, ...rest)
  }
}

/** Compiles the fields `fields` of a record's schema (with a field goes the one that defines its type, if another does); parts of the records `passed`, alone or in lists, are passed on. */
export function compilePassing(schema: unknown, passed: readonly string[], fields?: readonly string[]): avro.Type {
  const { fields: all, ...rest } = schema as { fields: readonly { name: string }[] }
  const wanted = all.filter(({ name }) => !fields || fields.includes(name))
  return compile({ ...rest, fields: wanted }, (part, options) => passingType(part, passed, options))
}

function passingType(part: avro.Schema, passed: readonly string[], options: avro.ForSchemaOptions) {
  const named = (schema: unknown) => passed.includes((schema as { name?: string }).name ?? (schema as string))
  const isList = (schema: unknown) => {
    const { type, items } = schema as { type?: unknown; items?: unknown }
    return type === 'array' && items !== undefined && named(items)
  }
  if (Array.isArray(part)) {
    const [first, second] = part as unknown[]
    const passing = part.length === 2 && first === 'null' && (named(second) || isList(second))
    return passing ? new PassingOrNull(part, options) : undefined
  }
  if (isList(part)) return new PassingArray(part, options)
  const defined = typeof part !== 'string' && (part as { type?: unknown }).type === 'record' && named(part)
  return defined ? new PassingRecord(part, options) : undefined
}
