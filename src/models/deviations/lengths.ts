/**
 * ‖L⁻¹x‖ of many L for one x: how unsure posteriors N(θ, (L Lᵀ)⁻¹) are of θᵀx. L in 16 bits: nobody needs the fifth digit of a doubt.
 * Matrices stay in the kernel's memory once they were asked for, since copying one there takes as long as solving it: round and
 * round in a ring, where the next ones are written over the oldest. Who was written over is put there again.
 */
import { makeRoom } from '../../wasm/module.ts'
import { createKernel } from './kernel.ts'
import { paddedTo4, panelsBytes } from './panels.ts'

const BYTES = Float32Array.BYTES_PER_ELEMENT
/** Places in the ring are multiples of a cache line. */
const LINE_BYTES = 64
export const RING_BYTES = 2 ** 25
const kernel = createKernel()

/** A matrix by its panels (panels.ts). */
export interface Panels {
  readonly bytes: Uint8Array
  /** Lines that were written into the ring before it; -1: it never was there. */
  line: number
}

/** Line of the ring's first: x and what is solved come before it. */
let begin = 0
/** Lines of the ring. */
let size = 0
/** Lines that were ever written. */
let written = 0
/** What was written before these is where nobody looks for it any more. */
let moved = 0

export const createPanels = (bytes: Uint8Array): Panels => ({ bytes, line: -1 })

/** x that stands before the ring, as it was taken. */
let held: Float32Array | undefined
let memory = new Uint8Array(kernel.memory.buffer)

/** @returns of a matrix, which is as wide as x, the length; not finite where float32 does not reach as far */
export function lengthsFor(x: Float64Array): (panels: Panels) => number {
  const width = paddedTo4(x.length)
  const [out, end] = [BYTES * width, 2 * BYTES * width]
  const input = new Float32Array(width)
  input.set(x)
  const hold = (): void => {
    makeRing(linesOf(end), linesOf(panelsBytes(x.length)))
    memory.set(new Uint8Array(input.buffer))
    held = input
  }
  return panels => {
    if (held !== input) hold()
    if (!isThere(panels)) put(panels)
    return Math.sqrt(kernel.square(0, addressOf(panels), out, end))
  }
}

const linesOf = (bytes: number): number => Math.ceil(bytes / LINE_BYTES)
const addressOf = ({ line }: Panels): number => LINE_BYTES * (begin + (line % size))
const isThere = ({ line }: Panels): boolean => line >= moved && written <= line + size

/** In one piece: what does not fit before the ring's end begins at its start. */
function put(panels: Panels): void {
  const lines = linesOf(panels.bytes.length)
  const left = size - (written % size)
  panels.line = lines <= left ? written : written + left
  written = panels.line + lines
  memory.set(panels.bytes, addressOf(panels))
}

/** A wider x than any before moves the ring, a larger matrix widens it. */
function makeRing(before: number, lines: number): void {
  if (before <= begin && lines <= size) return
  begin = Math.max(begin, before)
  size = Math.max(size, lines, linesOf(RING_BYTES))
  moved = written
  makeRoom(kernel.memory, LINE_BYTES * (begin + size))
  memory = new Uint8Array(kernel.memory.buffer)
}
