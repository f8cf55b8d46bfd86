/** ‖L⁻¹x‖ of many L for one x: how unsure posteriors N(θ, (L Lᵀ)⁻¹) are of θᵀx. In float32: nobody needs the seventh digit of a doubt. */
import { createKernel } from './kernel.ts'
import { paddedTo4 } from './panels.ts'

const PAGE_BYTES = 1 << 16
const BYTES = Float32Array.BYTES_PER_ELEMENT

const kernel = createKernel()
let memory = new Float32Array(kernel.memory.buffer)

/** @returns of a matrix's panels (panels.ts), which are as wide as x, the length; good until the next x is taken */
export function lengthsFor(x: Float64Array): (panels: Float32Array) => number {
  const width = paddedTo4(x.length)
  const panel = 2 * width
  makeRoom(panel + (width * (width + 4)) / 2)
  memory.fill(0, 0, width)
  memory.set(x)
  return panels => {
    memory.set(panels, panel)
    return Math.sqrt(kernel.square(0, BYTES * panel, BYTES * width, BYTES * panel))
  }
}

function makeRoom(elements: number): void {
  if (elements <= memory.length) return
  kernel.memory.grow(Math.ceil(((elements - memory.length) * BYTES) / PAGE_BYTES))
  memory = new Float32Array(kernel.memory.buffer)
}
