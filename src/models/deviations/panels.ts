/**
 * A triangular matrix as the kernel reads it, rows four at a time. A panel of four rows is their four scales, its columns up to the diagonal as
 * four int16 each, in units of the scales, then the inverse of its own triangle as float32, by columns too: so every load is of four neighbours, and no
 * division is left. Reading hundreds of such matrices is what a decision over a thousand candidates waits for: in int16 they are little more than
 * half of float32's bytes.
 */
import { packedLength } from '../../learner/linear/matrix.ts'

const ROWS = 4
const VECTOR_BYTES = 16
const OWN_BYTES = ROWS * VECTOR_BYTES
const COLUMN_BYTES = ROWS * Int16Array.BYTES_PER_ELEMENT
const LARGEST = 2 ** 15 - 1
const MIDDLE = LARGEST + 0.5

export const paddedTo4 = (d: number): number => ROWS * Math.ceil(d / ROWS)

/** Of the panels of d rows. */
export function panelsBytes(d: number): number {
  const panels = Math.ceil(d / ROWS)
  const columns = (ROWS * panels * (panels - 1)) / 2
  return panels * (VECTOR_BYTES + OWN_BYTES) + columns * COLUMN_BYTES
}

/** @param factor L, packed (src/learner/linear/matrix.ts) @param d its rows */
export function panelsOf(factor: Float64Array, d: number): Uint8Array {
  const panels = new Uint8Array(panelsBytes(d))
  for (let from = 0, at = 0; from < d; from += ROWS) {
    const size = Math.min(ROWS, d - from)
    const scales = new Float32Array(panels.buffer, at, ROWS)
    const columns = new Int16Array(panels.buffer, at + VECTOR_BYTES, ROWS * from)
    for (let r = 0; r < size; r++) scales[r] = unitOf(factor, packedLength(from + r), from)
    quantize(factor, from, scales, columns)
    at += VECTOR_BYTES + COLUMN_BYTES * from
    invertTriangle(factor, from, size, new Float32Array(panels.buffer, at, ROWS * ROWS))
    at += OWN_BYTES
  }
  return panels
}

/** The largest of a row's first `count` elements in units of it is the largest int16. As the kernel has it. */
function unitOf(factor: Float64Array, row: number, count: number): number {
  let largest = 0
  for (let j = row; j < row + count; j++) largest = Math.max(largest, Math.abs(factor[j]))
  return Math.fround(largest / LARGEST)
}

/** The columns before `from` of four rows in their units, rounded: adding the middle of the range makes truncation do it. */
function quantize(factor: Float64Array, from: number, units: Float32Array, out: Int16Array): void {
  const last = packedLength(from) // a row that is not there is read as the first, in units that make it 0
  const [r0, r1, r2, r3] = [0, 1, 2, 3].map(r => (units[r] > 0 ? packedLength(from + r) : last))
  const [p0, p1, p2, p3] = Array.from(units, unit => (unit > 0 ? 1 / unit : 0))
  for (let j = 0, k = 0; j < from; j++, k += ROWS) {
    out[k] = ((factor[r0 + j] * p0 + MIDDLE) | 0) - LARGEST
    out[k + 1] = ((factor[r1 + j] * p1 + MIDDLE) | 0) - LARGEST
    out[k + 2] = ((factor[r2 + j] * p2 + MIDDLE) | 0) - LARGEST
    out[k + 3] = ((factor[r3 + j] * p3 + MIDDLE) | 0) - LARGEST
  }
}

/** Of the rows and columns from `from` on, into `out`, column by column. Rows that are not there are zeros. */
function invertTriangle(factor: Float64Array, from: number, size: number, out: Float32Array): void {
  const element = (i: number, j: number): number => factor[packedLength(from + i) + from + j]
  const column = new Float64Array(ROWS)
  for (let j = 0; j < size; j++) {
    for (let i = j; i < size; i++) {
      let sum = i === j ? 1 : 0
      for (let k = j; k < i; k++) sum -= element(i, k) * column[k]
      column[i] = sum / element(i, i)
      out[ROWS * j + i] = column[i]
    }
  }
}
