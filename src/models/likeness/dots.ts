/**
 * xᵀv of many v for one x, with v in 16 bits: nobody needs the fifth digit of a guess. Vectors stay in the kernel's memory (src/wasm/ring.ts), since
 * reading them is what takes time.
 */
import { createRing } from '../../wasm/ring.ts'
import { createKernel, TURN } from './kernel.ts'

/** Of 260,000 vectors of 64 elements. */
export const RING_BYTES = 2 ** 25
const LARGEST = 2 ** 15 - 1
/** So many are added up at a time, fewer where they would take up the ring. */
const AT_ONCE = 512
const WORD_BYTES = 4
const kernel = createKernel()
const ring = createRing(kernel.memory, RING_BYTES)

/** What an element counts that stands there as 1; 0 of zeros. */
export const unitOf = (vector: Float32Array): number =>
  vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / LARGEST

/** Vectors, as long as x and not of zeros, and their lines in the ring, by number. */
export interface Stood {
  vector(i: number): Float32Array
  lineOf(i: number): number
  /** It stands in another line from now on. */
  standsIn(i: number, line: number): void
}

/** xᵀv of the first `count`, in units of v. @param x of a length that leaves room in float32 for as many products with 2¹⁵ */
export function dotsWith(x: Float64Array, count: number, stood: Stood): Float32Array {
  const input = new Float32Array(TURN * Math.ceil(x.length / TURN))
  input.set(x)
  const piece = new Int16Array(input.length)
  const list = input.byteLength
  const out = list + WORD_BYTES * AT_ONCE
  const memory = ring.hold(out + WORD_BYTES * AT_ONCE, piece.byteLength)
  memory.set(new Uint8Array(input.buffer))
  const atOnce = Math.max(1, Math.min(AT_ONCE, Math.floor(RING_BYTES / (2 * piece.byteLength))))
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
        put(stood, from + i, piece)
        isMissing = true
      }
    }
    const listEnd = list + WORD_BYTES * size
    kernel.touch(piece.byteLength, list, listEnd)
    kernel.dots(0, list, list, listEnd, out)
    all.set(sums.subarray(0, size), from)
  }
  return all
}

function put(stood: Stood, i: number, piece: Int16Array): void {
  const vector = stood.vector(i)
  const unit = unitOf(vector)
  for (let j = 0; j < vector.length; j++) piece[j] = Math.round(vector[j] / unit)
  stood.standsIn(i, ring.put(new Uint8Array(piece.buffer)))
}
