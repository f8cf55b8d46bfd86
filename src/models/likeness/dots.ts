/** xᵀv of many v for one x, in float32. Vectors stay in the kernel's memory (src/wasm/ring.ts), since reading them is what takes time. */
import { createRing } from '../../wasm/ring.ts'
import { createKernel, TURN } from './kernel.ts'

/** Of 130,000 vectors of 64 elements. */
export const RING_BYTES = 2 ** 25
/** So many are added up at a time, fewer where they would take up the ring. */
const AT_ONCE = 512
const WORD_BYTES = 4
const kernel = createKernel()
const ring = createRing(kernel.memory, RING_BYTES)

/** Vectors, as long as x, and their lines in the ring, by number. */
export interface Stood {
  vector(i: number): Float32Array
  lineOf(i: number): number
  /** It stands in another line from now on. */
  standsIn(i: number, line: number): void
}

/** xᵀv of the first `count`; not finite where float32 does not reach as far. */
export function dotsWith(x: Float64Array, count: number, stood: Stood): Float32Array {
  const input = new Float32Array(TURN * Math.ceil(x.length / TURN))
  input.set(x)
  const list = input.byteLength
  const out = list + WORD_BYTES * AT_ONCE
  const memory = ring.hold(out + WORD_BYTES * AT_ONCE, list)
  memory.set(new Uint8Array(input.buffer))
  const atOnce = Math.max(1, Math.min(AT_ONCE, Math.floor(RING_BYTES / (2 * list))))
  const addresses = new Int32Array(memory.buffer, list, AT_ONCE)
  const sums = new Float32Array(memory.buffer, out, AT_ONCE)
  const all = new Float32Array(count)
  for (let from = 0; from < count; from += atOnce) {
    const size = Math.min(atOnce, count - from)
    // who is put may be written over one that was there, so all are looked at again
    for (let isMissing = true; isMissing; ) {
      isMissing = false
      for (let i = 0; i < size; i++) {
        addresses[i] = ring.addressOf(stood.lineOf(from + i))
        if (addresses[i] >= 0) continue
        stood.standsIn(from + i, ring.put(bytesOf(stood.vector(from + i))))
        isMissing = true
      }
    }
    const listEnd = list + WORD_BYTES * size
    kernel.touch(list, list, listEnd)
    kernel.dots(0, list, list, listEnd, out)
    all.set(sums.subarray(0, size), from)
  }
  return all
}

/** What stands after them, up to a turn of the kernel, is of other vectors, and is taken by zeros. */
const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
