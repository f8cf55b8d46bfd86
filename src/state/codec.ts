/** How values are laid out on disk: JSON, which is as fast as anything for small ones and needs no schema; buffers beside it. */
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
