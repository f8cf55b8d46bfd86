/**
 * A triangular matrix as the kernel reads it: float32, rows four at a time. A panel of four rows is its columns up to the diagonal, four numbers each, then the
 * inverse of its own triangle, by columns too: so every load is of four neighbours, and no division is left.
 */
import { packedLength } from '../../learner/linear/matrix.ts'

const ROWS = 4

export const paddedTo4 = (d: number): number => ROWS * Math.ceil(d / ROWS)

export const panelsLength = (d: number): number => (paddedTo4(d) * (paddedTo4(d) + ROWS)) / 2

/** @param factor L, packed (src/learner/linear/matrix.ts) @param d its rows */
export function panelsOf(factor: Float64Array, d: number): Float32Array {
  const panels = new Float32Array(panelsLength(d))
  for (let from = 0, at = 0; from < d; from += ROWS) {
    for (let r = 0; r < ROWS && from + r < d; r++) {
      const row = packedLength(from + r)
      for (let j = 0; j < from; j++) panels[at + ROWS * j + r] = factor[row + j]
    }
    at += ROWS * from
    invertTriangle(factor, from, Math.min(ROWS, d - from), panels.subarray(at, at + ROWS * ROWS))
    at += ROWS * ROWS
  }
  return panels
}

/** Of the rows and columns from `from` on, into `out`, column by column. Rows that are not there are zeros. */
function invertTriangle(factor: Float64Array, from: number, size: number, out: Float32Array): void {
  const element = (i: number, j: number): number => factor[packedLength(from + i) + from + j]
  for (let j = 0; j < size; j++) {
    const column = new Float64Array(size)
    for (let i = j; i < size; i++) {
      let sum = i === j ? 1 : 0
      for (let k = j; k < i; k++) sum -= element(i, k) * column[k]
      column[i] = sum / element(i, i)
      out[ROWS * j + i] = column[i]
    }
  }
}
