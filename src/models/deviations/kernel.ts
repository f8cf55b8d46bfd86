/**
 * ‖L⁻¹x‖² as WebAssembly, four rows an instruction: a decision over a thousand candidates solves some hundreds of triangular systems,
 * which takes JavaScript five times as long. Layout of L: panels.ts.
 *
 *   square(x, panel, out, end): writes L⁻¹x from `out` up to `end`. @returns the sum of its squares
 *
 * All are addresses, x and out of float32.
 */
import {
  advance,
  type Code,
  f32,
  get,
  i32,
  instantiate,
  less,
  load128,
  loadShorts,
  type Memory,
  minus32,
  none128,
  plus32,
  repeat,
  set,
  shuffle,
  simd,
  store128,
  sumOfLanes,
  times32,
  unsigned,
  v128,
  when,
} from '../../wasm/module.ts'

export interface Kernel {
  readonly memory: Memory
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
const scale = 11

const [sum] = sums
/** One float32 of what is solved, in all four lanes. */
const known = (k: number): Code => [...get(solved), ...simd(9), 2, ...unsigned(4 * k)]
/** One lane of the sum in all four. */
const own = (k: number): Code => shuffle(sum, sum, [k, k, k, k])
const column = (k: number): Code => loadShorts(panel, 8 * k)
const ownColumn = (k: number): Code => load128(panel, 16 * k)

/** What is solved already, times the four rows: four columns a turn, a sum each, since one alone would wait for itself. */
const gather: Code = repeat(
  less(solved, out),
  ...sums.map((each, k) => [...plus32(get(each), times32(column(k), known(k))), ...set(each)]),
  advance(panel, 32),
  advance(solved, 16),
)

const body: Code = [
  ...[...get(out), ...set(first)],
  ...repeat(
    less(out, end),
    [...load128(panel), ...set(scale)],
    advance(panel, 16),
    ...sums.map(each => [...none128, ...set(each)]),
    [...get(first), ...set(solved)],
    when(less(first, out), gather),
    [...minus32(load128(x), times32(get(scale), sums.map(get).reduce(plus32))), ...set(sum)],
    // the four rows' own triangle: its inverse times what is left of them
    [...[0, 1, 2, 3].map(k => times32(ownColumn(k), own(k))).reduce(plus32), ...set(sum)],
    store128(out, get(sum)),
    [...plus32(times32(get(sum), get(sum)), get(squares)), ...set(squares)],
    advance(panel, 64),
    advance(x, 16),
    advance(out, 16),
  ),
  ...sumOfLanes(squares),
]

export const createKernel = (): Kernel =>
  instantiate([
    {
      name: 'square',
      parameters: [i32, i32, i32, i32],
      results: [f32],
      locals: [
        [2, i32],
        [6, v128],
      ],
      code: body,
    },
  ])
