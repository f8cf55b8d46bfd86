/**
 * xᵀv of many v for one x, with v in 16 bits: nobody needs the fifth digit of a guess. Vectors stay in the kernel's memory (src/wasm/ring.ts), since
 * reading them is what takes time.
 */
import { createRing } from '../../wasm/ring.ts'
import { createKernel, TURN } from './kernel.ts'

/** Of 260,000 vectors of 64 elements. */
export const RING_BYTES = 2 ** 25
const LARGEST = 2 ** 15 - 1
const kernel = createKernel()
const ring = createRing(kernel.memory, RING_BYTES)
/** x that stands before the ring. */
let held: Float32Array | undefined

/** What an element counts that stands there as 1; 0 of zeros. */
export const unitOf = (vector: Float32Array): number =>
  vector.reduce((most, v) => Math.max(most, Math.abs(v)), 0) / LARGEST

export interface Dots {
  /** Whether the vector that was put there still is. */
  has(line: number): boolean
  /** @param vector as long as x, not of zeros @returns its line */
  put(vector: Float32Array): number
  /** In units of v. @param line of a vector that is there */
  with(line: number): number
}

/** @param x of a length that leaves room in float32 for as many products with 2¹⁵ */
export function dotsFor(x: Float64Array): Dots {
  const input = new Float32Array(TURN * Math.ceil(x.length / TURN))
  input.set(x)
  const end = input.byteLength
  const piece = new Int16Array(input.length)
  const bytes = new Uint8Array(piece.buffer)
  const hold = (): void => {
    if (held === input) return
    ring.hold(end, bytes.length).set(new Uint8Array(input.buffer))
    held = input
  }
  return {
    has(line) {
      hold()
      return ring.addressOf(line) >= 0
    },
    put(vector) {
      hold()
      const unit = unitOf(vector)
      for (let i = 0; i < vector.length; i++) piece[i] = Math.round(vector[i] / unit)
      return ring.put(bytes)
    },
    with: line => kernel.dot(0, end, ring.addressOf(line)),
  }
}
