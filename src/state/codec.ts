/** How values are laid out on disk: JSON, which is as fast as anything for small ones and needs no schema; buffers beside it. */
import type { Codec } from './table.ts'

/** For small values of plain data; buffers in them become base64. */
export const jsonCodec = <V>(): Codec<V> => ({
  encode: value => Buffer.from(JSON.stringify(value, withBuffers)),
  decode: bytes => parse(bytes.toString()) as V,
})

/** A buffer has become `{type: 'Buffer', data: [...]}` by the time a replacer sees it; `this` still has it. */
function withBuffers(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const own = this[key]
  return Buffer.isBuffer(own) ? { $buffer: own.toString('base64') } : value
}

const parse = (text: string): unknown => (text.includes('"$buffer"') ? JSON.parse(text, revived) : JSON.parse(text))
const revived = (_key: string, value: { $buffer?: unknown } | null): unknown =>
  typeof value?.$buffer === 'string' && Object.keys(value).length === 1 ? Buffer.from(value.$buffer, 'base64') : value

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
