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

/** For values with large parts that are bytes already: they are kept as they are, behind the rest as JSON. */
export function partsCodec<V>(
  apart: (value: V) => { readonly rest: unknown; readonly parts: readonly Buffer[] },
  together: (rest: unknown, parts: readonly Buffer[]) => V,
): Codec<V> {
  const rests = jsonCodec<unknown>()
  return {
    encode(value) {
      const { rest, parts } = apart(value)
      const pieces = [rests.encode(rest), ...parts]
      const head = Buffer.alloc(4 * pieces.length + 1)
      head[0] = pieces.length
      for (const [i, piece] of pieces.entries()) head.writeUInt32LE(piece.length, 1 + 4 * i)
      return Buffer.concat([head, ...pieces])
    },
    decode(bytes) {
      const pieces: Buffer[] = []
      for (let i = 0, at = 4 * bytes[0] + 1; i < bytes[0]; i++) {
        const end = at + bytes.readUInt32LE(1 + 4 * i)
        pieces.push(bytes.subarray(at, end))
        at = end
      }
      return together(rests.decode(pieces[0]), pieces.slice(1))
    },
  }
}

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
