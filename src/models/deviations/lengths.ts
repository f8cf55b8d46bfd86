/**
 * ‖L⁻¹x‖ of many L for one x: how unsure posteriors N(θ, (L Lᵀ)⁻¹) are of θᵀx. L in 16 bits: nobody needs the fifth digit of a doubt.
 * Matrices stay in the kernel's memory (src/wasm/ring.ts).
 */
import { createRing, NOWHERE } from '../../wasm/ring.ts'
import { createKernel } from './kernel.ts'
import { paddedTo4, panelsBytes } from './panels.ts'

const BYTES = Float32Array.BYTES_PER_ELEMENT
export const RING_BYTES = 2 ** 25
const kernel = createKernel()
const ring = createRing(kernel.memory, RING_BYTES)

/** A matrix by its panels (panels.ts). */
export interface Panels {
  readonly bytes: Uint8Array
  /** In the ring. */
  line: number
}

export const createPanels = (bytes: Uint8Array): Panels => ({ bytes, line: NOWHERE })

/** x that stands before the ring, as it was taken. */
let held: Float32Array | undefined

/** @returns of a matrix, which is as wide as x, the length; not finite where float32 does not reach as far */
export function lengthsFor(x: Float64Array): (panels: Panels) => number {
  const width = paddedTo4(x.length)
  const [out, end] = [BYTES * width, 2 * BYTES * width]
  const input = new Float32Array(width)
  input.set(x)
  const hold = (): void => {
    ring.hold(end, panelsBytes(x.length)).set(new Uint8Array(input.buffer))
    held = input
  }
  return panels => {
    if (held !== input) hold()
    if (ring.addressOf(panels.line) < 0) panels.line = ring.put(panels.bytes)
    return Math.sqrt(kernel.square(0, ring.addressOf(panels.line), out, end))
  }
}
