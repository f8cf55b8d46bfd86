/** ‖L⁻¹x‖ of many L for one x: how unsure posteriors N(θ, (L Lᵀ)⁻¹) are of θᵀx. L in 16 bits: nobody needs the fifth digit of a doubt. */
import { makeRoom } from '../../wasm/module.ts'
import { createKernel } from './kernel.ts'
import { paddedTo4, panelsBytes } from './panels.ts'

const BYTES = Float32Array.BYTES_PER_ELEMENT
const kernel = createKernel()

/** @returns of a matrix's panels (panels.ts), which are as wide as x, the length; good until the next x is taken */
export function lengthsFor(x: Float64Array): (panels: Uint8Array) => number {
  const width = paddedTo4(x.length)
  const panel = 2 * BYTES * width
  makeRoom(kernel.memory, panel + panelsBytes(x.length))
  const input = new Float32Array(kernel.memory.buffer, 0, width)
  input.fill(0)
  input.set(x)
  const memory = new Uint8Array(kernel.memory.buffer)
  return panels => {
    memory.set(panels, panel)
    return Math.sqrt(kernel.square(0, panel, BYTES * width, panel))
  }
}
