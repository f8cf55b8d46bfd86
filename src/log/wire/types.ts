/**
 * avsc types with feedloop's rules compiled into them, so that no second walk over a value is needed:
 * - a double or float is finite, a long is a safe integer, written and read (`WIRE_UNSAFE_NUMBER`);
 * - an array or map cannot claim more elements than the bytes left could hold, else a few damaged bytes would keep the
 *   reader busy for hours (every element of our records takes at least one byte);
 * - what is skipped is checked as what is read;
 * - decoded records are plain objects of the shape in schemas/records.ts, unions unwrapped.
 */
import avro from 'avsc'
import { FeedloopError } from '../../errors.ts'
import { readDoubles, readTexts, wroteDoubles } from './lists.ts'

/** avsc's cursor over a buffer. Reading past the end yields rubbish; the caller checks the position afterwards. */
export interface Tap {
  readonly buf: Buffer
  pos: number
  readLong(): number
  readDouble(): number
  readFloat(): number
  readString(): string
  skipString(): void
  writeString(value: string): void
  skipLong(): void
  writeFixed(bytes: Buffer): void
  writeLong(value: number): void
  writeDouble(value: number): void
  writeFloat(value: number): void
}
interface Readable {
  _read(tap: Tap): unknown
  _skip(tap: Tap): void
}
type Hook = ((value: unknown, type: avro.Type) => void) | undefined

const unsafe = (value: unknown): FeedloopError => new FeedloopError('WIRE_UNSAFE_NUMBER', String(value))

/** The check of a primitive as avsc wants it: true, or the hook is told. */
function checked(ok: boolean, value: unknown, hook: Hook, type: avro.Type): boolean {
  if (!ok && hook) hook(value, type)
  return ok
}

const readSafeLong = (tap: Tap): number => {
  const value = tap.readLong()
  if (!Number.isSafeInteger(value)) throw unsafe(value)
  return value
}
const readFinite = (tap: Tap, value: number): number => {
  // Past the end the value is rubbish: let the caller see the truncation instead.
  if (!Number.isFinite(value) && tap.pos <= tap.buf.length) throw unsafe(value)
  return value
}

class FiniteDouble extends avro.types.DoubleType {
  _check(value: unknown, _flags: unknown, hook: Hook): boolean {
    return checked(Number.isFinite(value), value, hook, this)
  }
  _read(tap: Tap): number {
    return readFinite(tap, tap.readDouble())
  }
  _skip(tap: Tap): void {
    readFinite(tap, tap.readDouble())
  }
  _write(tap: Tap, value: number): void {
    if (!Number.isFinite(value)) throw unsafe(value)
    tap.writeDouble(value)
  }
  _update(resolver: Readable, writer: avro.Type): void {
    if (writer.typeName === 'long') resolver._read = readSafeLong
    else if (['double', 'float', 'int'].includes(writer.typeName)) resolver._read = (writer as never as Readable)._read
  }
}

class FiniteFloat extends avro.types.FloatType {
  _check(value: unknown, _flags: unknown, hook: Hook): boolean {
    return checked(Number.isFinite(value), value, hook, this)
  }
  _read(tap: Tap): number {
    return readFinite(tap, tap.readFloat())
  }
  _skip(tap: Tap): void {
    readFinite(tap, tap.readFloat())
  }
  _write(tap: Tap, value: number): void {
    if (!Number.isFinite(value)) throw unsafe(value)
    tap.writeFloat(value)
  }
}

class SafeLong extends avro.types.LongType {
  _check(value: unknown, _flags: unknown, hook: Hook): boolean {
    return checked(Number.isSafeInteger(value), value, hook, this)
  }
  _read(tap: Tap): number {
    return readSafeLong(tap)
  }
  _skip(tap: Tap): void {
    readSafeLong(tap)
  }
  _write(tap: Tap, value: number): void {
    if (!Number.isSafeInteger(value)) throw unsafe(value)
    tap.writeLong(value)
  }
}

/** avsc's declarations leave out how a type writes. */
const StringType = avro.types.StringType as unknown as new () => avro.Type & { _write(tap: Tap, value: string): void }

/** Bytes of a text whose length stands in one byte, at most. */
const SHORT = 63

/** Most texts are short and ASCII, ids by the thousand among them: then bytes are units, and one pass is enough. */
class ShortString extends StringType {
  override _write(tap: Tap, value: string): void {
    if (typeof value !== 'string' || !wroteShort(tap, value)) super._write(tap, value)
  }
}

/** @returns false when it is something else, or there is no room: `tap` is where it was then */
function wroteShort(tap: Tap, text: string): boolean {
  const { buf, pos } = tap
  const { length } = text
  if (length > SHORT || pos + length >= buf.length) return false
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 127) return false
    buf[pos + 1 + i] = unit
  }
  buf[pos] = 2 * length
  tap.pos = pos + 1 + length
  return true
}

const ArrayType = avro.types.ArrayType as unknown as new (
  ...given: ConstructorParameters<typeof avro.types.ArrayType>
) => avro.types.ArrayType & { _write(tap: Tap, values: readonly unknown[]): void }

/** The element count of the next block of an array or map; 0 at its end. */
function readCount(tap: Tap): number {
  let count = tap.readLong()
  if (count < 0) {
    count = -count
    tap.skipLong()
  }
  // a damaged count may be no number
  if (!(count <= tap.buf.length - tap.pos))
    throw new Error(`a block claims ${count} elements, more than there are bytes`)
  return count
}

/** So many elements of a list. */
function readBlock(items: unknown, tap: Tap, count: number): unknown[] {
  const atOnce =
    items === primitives.double
      ? readDoubles(tap, count)
      : items === primitives.string
        ? readTexts(tap, count)
        : undefined
  if (atOnce) return atOnce
  const values: unknown[] = []
  for (let left = count; left > 0; left--) values.push((items as Readable)._read(tap))
  return values
}

function wroteNumbers(items: unknown, tap: Tap, values: readonly unknown[]): boolean {
  if (items !== primitives.double || !Array.isArray(values) || values.length === 0) return false
  tap.writeLong(values.length)
  if (!wroteDoubles(tap, values)) return false
  tap.writeLong(0)
  return true
}

export class BoundedArray extends ArrayType {
  _read(tap: Tap): unknown[] {
    const count = readCount(tap)
    if (count === 0) return []
    const values = readBlock(this.itemsType, tap, count)
    for (let n = readCount(tap); n > 0; n = readCount(tap))
      for (const value of readBlock(this.itemsType, tap, n)) values.push(value)
    return values
  }
  override _write(tap: Tap, values: readonly unknown[]): void {
    const { pos } = tap
    if (wroteNumbers(this.itemsType, tap, values)) return
    tap.pos = pos
    super._write(tap, values)
  }
  _skip(tap: Tap): void {
    const items = this.itemsType as never as Readable
    for (let n = readCount(tap); n > 0; n = readCount(tap)) while (n-- > 0) items._skip(tap)
  }
}

class BoundedMap extends avro.types.MapType {
  _read(tap: Tap): Record<string, unknown> {
    const valuesType = this.valuesType as Readable
    const values: Record<string, unknown> = {}
    for (let n = readCount(tap); n > 0; n = readCount(tap))
      while (n-- > 0) {
        const key = tap.readString()
        const value = valuesType._read(tap)
        if (key === '__proto__') throw new Error('a map key may not be __proto__')
        values[key] = value
      }
    return values
  }
  _skip(tap: Tap): void {
    const valuesType = this.valuesType as Readable
    for (let n = readCount(tap); n > 0; n = readCount(tap))
      while (n-- > 0) {
        const start = tap.pos
        tap.skipString()
        // One byte of length before nine of text: few keys need to be looked at.
        if (tap.pos - start === 10 && tap.buf.toString('latin1', start + 1, tap.pos) === '__proto__')
          throw new Error('a map key may not be __proto__')
        valuesType._skip(tap)
      }
  }
}

class CheckedEnum extends avro.types.EnumType {
  _skip(tap: Tap): void {
    ;(this as never as Readable)._read(tap)
  }
}

const primitives: Record<string, avro.Type> = {
  double: new FiniteDouble(),
  float: new FiniteFloat(),
  long: new SafeLong(),
  string: new ShortString(),
}

function typeHook(schema: avro.Schema, options: avro.ForSchemaOptions): avro.Type | undefined {
  const kind = typeof schema === 'string' ? schema : (schema as { type?: unknown }).type
  if (typeof kind !== 'string') return undefined
  if (typeof schema !== 'string' && kind === 'array') return new BoundedArray(schema, options)
  if (typeof schema !== 'string' && kind === 'map') return new BoundedMap(schema, options)
  if (typeof schema !== 'string' && kind === 'enum') return new CheckedEnum(schema, options)
  return primitives[kind]
}

export type TypeHook = (schema: avro.Schema, options: avro.ForSchemaOptions) => avro.Type | undefined

/** Compiles a parsed .avsc. Logical types are read as what underlies them.
 * @param special types that take the place of ours
 * @throws Error when it is not a valid schema */
export function compile(schema: unknown, special: TypeHook = () => undefined): avro.Type {
  const registry: Record<string, avro.Type> = {}
  const hook = ((part, options) => special(part, options) ?? typeHook(part, options)) as NonNullable<
    Parameters<typeof avro.Type.forSchema>[1]
  >['typeHook']
  const type = avro.Type.forSchema(schema as avro.Schema, {
    registry,
    typeHook: hook,
    wrapUnions: 'auto',
    omitRecordMethods: true,
  })
  for (const named of Object.values(registry))
    if (named instanceof avro.types.RecordType) named.recordConstructor.prototype = Object.prototype
  return type
}

/** Explains why `value` is not of `type`: the first field that breaks a rule.
 * @returns WIRE_UNSAFE_NUMBER for numbers out of bounds, else RECORD_INVALID, naming the path */
export function explain(type: avro.Type, value: unknown, cause: unknown): FeedloopError {
  let found: FeedloopError | undefined
  const errorHook = (path: string[], at: unknown, expected: avro.Type) => {
    found ??= describe(path.join('.') || '(record)', at, expected)
  }
  type.isValid(value, { errorHook })
  return found ?? new FeedloopError('RECORD_INVALID', (cause as Error).message, { cause })
}

function describe(path: string, value: unknown, expected: avro.Type): FeedloopError {
  const numeric = expected === primitives.double || expected === primitives.float
  const outOfBounds =
    typeof value === 'number' && (numeric || (expected === primitives.long && !(Number.isFinite(value) && value % 1)))
  if (outOfBounds) return new FeedloopError('WIRE_UNSAFE_NUMBER', `${path}: ${value}`)
  const shown = (JSON.stringify(value) ?? String(value)).slice(0, 100)
  const isList = expected instanceof avro.types.ArrayType || expected instanceof avro.types.MapType
  const wanted = expected.name ?? (isList ? expected.typeName : JSON.stringify(expected.schema()))
  return new FeedloopError('RECORD_INVALID', `${path}: ${shown} is not ${wanted}`)
}
