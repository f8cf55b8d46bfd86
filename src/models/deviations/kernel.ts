/**
 * ‖L⁻¹x‖² as WebAssembly, four rows an instruction: a decision over a thousand candidates solves some hundreds of triangular systems,
 * which takes JavaScript five times as long. Layout of L: panels.ts.
 *
 *   square(x, panel, out, end): writes L⁻¹x from `out` up to `end`. @returns the sum of its squares
 *
 * All are addresses of float32. https://webassembly.github.io/spec
 */
import { type Code, constant, f32, get, i32, instantiate, load128, set, simd, unsigned, v128 } from './wasm.ts'

export interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number }
  square(x: number, panel: number, out: number, end: number): number
}

/** Locals: parameters first. */
const x = 0
const panel = 1
const out = 2
const end = 3
const first = 4
const solved = 5
const sums = [6, 7, 8, 9]
const squares = 10

const store128 = [...simd(11), 4, 0]
/** The float32 there in all four lanes. */
const loadSplat = (offset: number): Code => [...simd(9), 2, ...unsigned(offset)]
const zero = [...simd(12), ...new Array(16).fill(0)]
const plus = (a: Code, b: Code): Code => [...a, ...b, ...simd(228)]
const minus = (a: Code, b: Code): Code => [...a, ...b, ...simd(229)]
const times = (a: Code, b: Code): Code => [...a, ...b, ...simd(230)]
const plusScalar = (a: Code, b: Code): Code => [...a, ...b, 0x92]
const lane = (local: number, k: number): Code => [...get(local), ...simd(31), k]
const splatLane = (local: number, k: number): Code => {
  const bytes = [0, 1, 2, 3].map(byte => 4 * k + byte)
  return [...get(local), ...get(local), ...simd(13), ...bytes, ...bytes, ...bytes, ...bytes]
}
const less = (one: number, other: number): Code => [...get(one), ...get(other), 0x49]
const whenLess = (one: number, other: number, ...code: Code[]): Code => [...less(one, other), 4, 64, ...code.flat(), 11]
const untilEqual = (one: number, other: number, ...code: Code[]): Code => [
  ...[0x03, 0x40], // loop
  ...code.flat(),
  ...less(one, other),
  ...[0x0d, 0, 0x0b], // branch back
]
const advance = (address: number, bytes: number): Code => [...get(address), ...constant(bytes), 0x6a, ...set(address)]

const column = (k: number): Code => [...get(panel), ...load128(16 * k)]
/** Solved so far, one in all lanes. */
const known = (k: number): Code => [...get(solved), ...loadSplat(4 * k)]
const [sum] = sums

/** Takes what is solved already out of the four rows: four columns a turn, a sum each, since one alone would wait for itself. */
const takeOut: Code = untilEqual(
  solved,
  out,
  ...sums.map((each, k) => [...minus(get(each), times(column(k), known(k))), ...set(each)]),
  advance(panel, 64),
  advance(solved, 16),
)

/** The four rows' own triangle: its inverse times their sums. */
const solveFour: Code = [0, 1, 2, 3].map(k => times(column(k), splatLane(sum, k))).reduce(plus)

const body: Code = [
  ...[...get(out), ...set(first)],
  ...untilEqual(
    out,
    end,
    [...get(x), ...load128(0), ...set(sum)],
    ...sums.slice(1).map(each => [...zero, ...set(each)]),
    [...get(first), ...set(solved)],
    whenLess(first, out, takeOut),
    [...sums.map(get).reduce(plus), ...set(sum)],
    [...solveFour, ...set(sum)],
    [...get(out), ...get(sum), ...store128],
    [...plus(times(get(sum), get(sum)), get(squares)), ...set(squares)],
    advance(panel, 64),
    advance(x, 16),
    advance(out, 16),
  ),
  ...[0, 1, 2, 3].map(k => lane(squares, k)).reduce(plusScalar),
  0x0b,
]

export const createKernel = (): Kernel =>
  instantiate({
    name: 'square',
    parameters: [i32, i32, i32, i32],
    result: f32,
    locals: [
      [2, i32],
      [5, v128],
    ],
    body,
  })
