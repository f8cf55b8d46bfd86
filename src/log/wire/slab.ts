/**
 * Small copies out of one large buffer after the other: one allocation for hundreds. What is kept of a slab keeps all of
 * it, so what lives long and what does not have slabs of their own.
 */
import type avro from 'avsc'

const SLAB_BYTES = 64 << 10

/** Copies `bytes` from `start` to `end`; what is large gets a buffer of its own. */
export type Slab = (bytes: Buffer, start: number, end: number) => Buffer

export function createSlab(): Slab {
  let slab = Buffer.alloc(0)
  let at = 0
  return (bytes, start, end) => {
    const length = end - start
    if (length > SLAB_BYTES / 4) return Buffer.copyBytesFrom(bytes, start, length)
    if (at + length > slab.length) {
      slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      at = 0
    }
    bytes.copy(slab, at, start, end)
    at += length
    return slab.subarray(at - length, at)
  }
}

/** Every value is laid out in here first, then copied out at its exact size. */
let scratch = Buffer.allocUnsafeSlow(1 << 16)

/** Lays out `value` behind `header`. @returns its bytes until the next call
 * @throws what the type throws at a value that is not its own */
export function layOut(type: avro.Type, value: unknown, header: Buffer): Buffer {
  let end = type.encode(value, scratch, header.length)
  if (end < 0) {
    scratch = Buffer.allocUnsafeSlow(2 * (scratch.length - end))
    end = type.encode(value, scratch, header.length)
  }
  header.copy(scratch)
  return scratch.subarray(0, end)
}
