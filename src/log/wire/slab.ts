/**
 * Small copies out of one large buffer after the other: one allocation for hundreds. What is kept of a slab keeps all of
 * it, so what lives long and what does not have slabs of their own.
 */
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
