/**
 * The one loop of retrieval, as WebAssembly: the dot products of a query with rows of quantised vectors, 16 elements an
 * instruction (relaxed SIMD: VNNI and its like; of elements that fit into 7 bits it is the same on every machine). What is left is to read
 * the memory. JavaScript takes ten times as long, and no library scans 7-bit rows where they lie, so it is
 * assembled here, unrolled for the dimensions. Layout: rows.ts.
 *
 *   scan(query, group, end, hits, unit, least, zero): for each group of four rows, until `group` is `end`,
 *   score_r = (Σ_j query[j]·row_r[j] - zero) · scale_r · unit + bias_r
 *   and where any is not below `least`, a hit: the four scores, then the address of the group. @returns where the hits end
 *
 * The first four are addresses; query is int8, rows uint7, zero int32, scales, biases and scores float32.
 */
import {
  advance,
  anyTrue,
  type Code,
  f32,
  get,
  i32,
  instantiate,
  less,
  load128,
  none128,
  repeat,
  set,
  shuffle,
  simd,
  splat32,
  store32,
  store128,
  v128,
  when,
} from '../../wasm/module.ts'
import { COLUMNS, GROUP, groupBytes, HIT_BYTES, MAX_PAGES } from './layout.ts'

export type Scan = (
  query: number,
  group: number,
  end: number,
  hits: number,
  unit: number,
  least: number,
  zero: number,
) => number

/** @param columns dimensions, padded to a multiple of COLUMNS */
export function instantiateKernel(memory: WebAssembly.Memory, columns: number): Scan {
  const parameters = [i32, i32, i32, i32, f32, f32, i32]
  const scan = { name: 'scan', parameters, results: [i32], locals: [[LOCALS, v128]] as const, code: body(columns) }
  return instantiate<{ scan: Scan }>([scan], { memory, maxPages: MAX_PAGES }).scan
}

/** Locals: parameters first, then the columns of the query at hand, four sums, and three of the parameters four times over. */
const query = 0
const group = 1
const end = 2
const hits = 3
const unit = 4
const least = 5
const zero = 6
const part = 7
const sums = [8, 9, 10, 11]
const units = 12
const leasts = 13
const zeros = 14
const LOCALS = 8

/** Four sums of four products each of int8 with uint7, added to four int32: i32x4.relaxed_dot_i8x16_i7x16_add_s. */
const dotOfInt8 = simd(0x113)
const addInt32 = simd(174)
const subtractInt32 = simd(177)
const toFloat32 = simd(250)
const splatFloat32 = simd(19)
const multiplyFloat32 = simd(230)
const addFloat32 = simd(228)
const notBelowFloat32 = simd(70)

/** Four sums of four lanes each -> the four totals, on the stack. */
const totals: Code = [
  ...[0, 2].flatMap(pair => [
    ...shuffle(sums[pair], sums[pair + 1], [0, 4, 1, 5]),
    ...shuffle(sums[pair], sums[pair + 1], [2, 6, 3, 7]),
    ...addInt32,
    ...set(sums[pair]),
  ]),
  ...shuffle(sums[0], sums[2], [0, 1, 4, 5]),
  ...shuffle(sums[0], sums[2], [2, 3, 6, 7]),
  ...addInt32,
]

function body(columns: number): Code {
  const splats = [...get(unit), ...splatFloat32, ...set(units), ...get(least), ...splatFloat32, ...set(leasts)]
  splats.push(...get(zero), ...splat32, ...set(zeros))
  const code: number[] = []
  for (let column = 0; column < columns; column += COLUMNS) {
    code.push(...load128(query, column), ...set(part))
    for (let row = 0; row < GROUP; row++) {
      code.push(...get(part), ...load128(group, GROUP * column + COLUMNS * row))
      code.push(...(column > 0 ? get(sums[row]) : none128), ...dotOfInt8, ...set(sums[row]))
    }
  }
  const scales = GROUP * columns
  code.push(...totals, ...get(zeros), ...subtractInt32, ...toFloat32)
  code.push(...load128(group, scales), ...multiplyFloat32, ...get(units), ...multiplyFloat32)
  code.push(...load128(group, scales + 4 * GROUP), ...addFloat32, ...set(part))
  const isHit = [...get(part), ...get(leasts), ...notBelowFloat32, ...anyTrue]
  const hit = [store128(hits, get(part)), store32(hits, 4 * GROUP, get(group)), advance(hits, HIT_BYTES)]
  code.push(...when(isHit, ...hit))
  code.push(...advance(group, groupBytes(columns)))
  return [...splats, ...repeat(less(group, end), code), ...get(hits)]
}
