/** How values are laid out as bytes: JSON, which needs no schema, or Avro, which is several times as fast and half as large. */
import { createSlab, layOut } from '../log/wire/slab.ts'
import { compile, type TypeHook } from '../log/wire/types.ts'
import type { Codec } from './table.ts'

/** For small values of plain data; buffers in them come back as buffers. */
export const jsonCodec = <V>(): Codec<V> => ({
  encode: value => Buffer.from(JSON.stringify(value)),
  decode: bytes => parse(bytes.toString()) as V,
})

/** What `JSON.stringify` makes of a buffer. A replacer that made it shorter would double the cost of every value. */
const BUFFER = '{"type":"Buffer","data":['

const parse = (text: string): unknown => (text.includes(BUFFER) ? JSON.parse(text, revived) : JSON.parse(text))
const revived = (_key: string, value: { type?: unknown; data?: unknown } | null): unknown =>
  value?.type === 'Buffer' && Array.isArray(value.data) && Object.keys(value).length === 2
    ? Buffer.from(value.data)
    : value

/** For what there are many of: laid out by position, without names. A row is of the schema, whatever else it holds.
 * @throws FeedloopError WIRE_UNSAFE_NUMBER, or Error, from `encode`: the row is not of the schema */
export function avroCodec<V>(schema: unknown, special?: TypeHook): Codec<V> {
  const type = compile(schema, special)
  const slab = createSlab()
  return {
    encode(value) {
      const bytes = layOut(type, value, nothing)
      return slab(bytes, 0, bytes.length)
    },
    layOut: value => layOut(type, value, nothing),
    decode: bytes => type.decode(bytes, 0).value as V,
  }
}

const nothing = Buffer.alloc(0)
