/**
 * Fixed parts of a table's values: written once, one behind the other, whatever the order of the keys, and found by their
 * number, which the value's row begins with. So a change of the value writes a small row.
 */
import { type Bytes, heard } from './disk-table.ts'
import type { Codec } from './table.ts'

export interface Parts<V> {
  /** Queues the part, unless it is on disk already. Returns the value's row, and the bytes of both. */
  put(value: V): { readonly row: Buffer; readonly bytes: number }
  /** True when the value's part was put or read. */
  has(value: V): boolean
  /** The value of a row. */
  decode(row: Buffer): V
  /** Drops the part that a row names. */
  remove(row: Buffer | undefined): void
}

/** Of a part's number, big-endian: as a key in order of arrival. */
const NUMBER_BYTES = 6

export function createParts<V>(db: Bytes, codec: Codec<V>): Parts<V> {
  const fixed = codec.fixed!
  const numbers = new WeakMap<object, number>()
  let next = 1 + lastNumber(db)
  return {
    put(value) {
      const part = fixed.of(value)
      let number = numbers.get(part)
      let bytes = 0
      if (number === undefined) {
        number = next++
        numbers.set(part, number)
        const encoded = fixed.encode(value)
        bytes = encoded.length
        heard(db.put(keyOf(number), encoded))
      }
      const row = Buffer.concat([keyOf(number), codec.encode(value)])
      return { row, bytes: bytes + row.length }
    },
    has: value => numbers.has(fixed.of(value)),
    decode(row) {
      const key = row.subarray(0, NUMBER_BYTES)
      const part = fixed.decode(db.getBinary(key)!)
      numbers.set(part, key.readUIntBE(0, NUMBER_BYTES))
      return codec.decode(row.subarray(NUMBER_BYTES), part)
    },
    remove(row) {
      if (row) heard(db.remove(row.subarray(0, NUMBER_BYTES)))
    },
  }
}

/** 0: there is none. The binding leaves out keys below 5 where no bounds are given. */
function lastNumber(db: Bytes): number {
  const bounds = { reverse: true, limit: 1, start: Buffer.alloc(NUMBER_BYTES, 0xff), end: keyOf(0) }
  const [last] = [...(db.getKeys(bounds as never) as Iterable<unknown> as Iterable<Buffer>)]
  return last?.readUIntBE(0, NUMBER_BYTES) ?? 0
}

function keyOf(number: number): Buffer {
  const key = Buffer.allocUnsafe(NUMBER_BYTES)
  key.writeUIntBE(number, 0, NUMBER_BYTES)
  return key
}
