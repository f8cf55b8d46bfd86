/** xᵀv of many v for one x, in float32. Vectors stay in the kernel's memory (src/wasm/ring.ts): reading them is what takes time. */
import { createRing } from '../../wasm/ring.ts'
import { createKernel, TURN } from './kernel.ts'

const BYTES = Float32Array.BYTES_PER_ELEMENT
/** Of 130,000 vectors of 64 elements. */
export const RING_BYTES = 2 ** 25
const kernel = createKernel()
const ring = createRing(kernel.memory, RING_BYTES)
/** x that stands before the ring. */
let held: Float32Array | undefined

export interface Dots {
  /** Whether the vector that was put there still is. */
  has(line: number): boolean
  /** @param vector as long as x @returns its line */
  put(vector: Float32Array): number
  /** Not finite where float32 does not reach as far. @param line of a vector that is there */
  with(line: number): number
}

export function dotsFor(x: Float64Array): Dots {
  const input = new Float32Array(TURN * Math.ceil(x.length / TURN))
  input.set(x)
  const end = BYTES * input.length
  const hold = (): void => {
    if (held === input) return
    ring.hold(end, end).set(new Uint8Array(input.buffer))
    held = input
  }
  return {
    has(line) {
      hold()
      return ring.addressOf(line) >= 0
    },
    put(vector) {
      hold()
      return ring.put(bytesOf(vector))
    },
    with: line => kernel.dot(0, end, ring.addressOf(line)),
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
