/**
 * xᵀv as WebAssembly, four elements an instruction and a fourth of them in each of four sums, since one alone would wait for itself: of a decision's
 * thousand candidates the most may be such that nothing is learned of, and JavaScript takes eight times as long to add one up.
 *
 *   dot(x, end, v): of float32 from x up to `end`, a multiple of 64 bytes later, with as many int16 at v
 *
 * All are addresses.
 */
import {
  advance,
  binary,
  type Code,
  f32,
  get,
  i32,
  instantiate,
  less,
  load128,
  loadShorts,
  type Memory,
  repeat,
  set,
  simd,
  v128,
} from '../../wasm/module.ts'

export interface Kernel {
  readonly memory: Memory
  dot(x: number, end: number, v: number): number
}

/** Elements that a turn takes. */
export const TURN = 16
const [X_BYTES, V_BYTES] = [16, 8]

/** Locals: parameters first. */
const x = 0
const end = 1
const v = 2
const sums = [3, 4, 5, 6]
const [sum] = sums

const plus = binary(228)
const times = binary(230)
const lane = (k: number): Code => [...get(sum), ...simd(31), k]
const plusScalar = (a: Code, b: Code): Code => [...a, ...b, 0x92]

const body: Code = [
  ...repeat(
    less(x, end),
    ...sums.map(
      (each, k): Code => [...plus(get(each), times(load128(x, X_BYTES * k), loadShorts(v, V_BYTES * k))), ...set(each)],
    ),
    advance(x, X_BYTES * sums.length),
    advance(v, V_BYTES * sums.length),
  ),
  ...[...sums.map(get).reduce(plus), ...set(sum)],
  ...[0, 1, 2, 3].map(lane).reduce(plusScalar),
]

export const createKernel = (): Kernel =>
  instantiate([{ name: 'dot', parameters: [i32, i32, i32], results: [f32], locals: [[sums.length, v128]], code: body }])
