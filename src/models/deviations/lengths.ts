/** ‖L⁻¹x‖ of many L for one x: how unsure posteriors N(θ, (L Lᵀ)⁻¹) are of θᵀx. In float32: nobody needs the seventh digit of a doubt. */
import { makeRoom } from '../../wasm/module.ts'
import { createKernel } from './kernel.ts'
import { paddedTo4, panelsLength } from './panels.ts'

const BYTES = Float32Array.BYTES_PER_ELEMENT
const kernel = createKernel()

/** @returns of a matrix's panels (panels.ts), which are as wide as x, the length; good until the next x is taken */
export function lengthsFor(x: Float64Array): (panels: Float32Array) => number {
  const width = paddedTo4(x.length)
  const panel = 2 * width
  makeRoom(kernel.memory, BYTES * (panel + panelsLength(x.length)))
  const memory = new Float32Array(kernel.memory.buffer)
  memory.fill(0, 0, width)
  memory.set(x)
  return panels => {
    memory.set(panels, panel)
    return Math.sqrt(kernel.square(0, BYTES * panel, BYTES * width, BYTES * panel))
  }
}
