/**
 * xᵀv of many v as WebAssembly, two or four elements an instruction, and of a turn of 64 bytes a fourth in each of four sums, since one alone would wait
 * for itself. Of a decision's thousand candidates the most may be such that nothing is learned of, and they lie all over the memory: so a
 * line of each is touched before the first is added up, and the processor waits for many at a time.
 *
 *   dots32(x, end, list, listEnd, out): of float32 from x up to `end` with as many at x bytes after each address in the list, to float32 from `out` on
 *   dots64(x, end, list, listEnd, out): of float64, likewise
 *   touch(bytes, list, listEnd): reads a byte of each 64, up to `bytes`, at the addresses in the list
 *
 * All are addresses but `bytes`, from 0 on: a line is laid out as what stands there is. `end` is a multiple of 64 bytes after x, and neither it nor the list
 * is empty.
 */
import {
  advance,
  type Code,
  drop,
  type Func,
  get,
  i32,
  instantiate,
  less,
  load32,
  load128,
  type Memory,
  none128,
  plus32,
  plus64,
  repeat,
  set,
  storeFloat32,
  storeFloat64,
  sumOfHalves,
  sumOfLanes,
  times32,
  times64,
  v128,
} from '../../wasm/module.ts'

type Dots = (x: number, end: number, list: number, listEnd: number, out: number) => void
export interface Kernel {
  readonly memory: Memory
  readonly dots32: Dots
  readonly dots64: Dots
  touch(bytes: number, list: number, listEnd: number): void
}

export const TURN_BYTES = 64
const [VECTOR_BYTES, ADDRESS_BYTES, LINE_BYTES] = [16, 4, 64]

const plusAddress = (a: Code, b: Code): Code => [...a, ...b, 0x6a]

/** Of numbers of one sort. */
interface Sort {
  readonly bytes: number
  plus(a: Code, b: Code): Code
  times(a: Code, b: Code): Code
  storeSum(out: number, sum: number): Code
}
const singles: Sort = {
  bytes: 4,
  plus: plus32,
  times: times32,
  storeSum: (out, sum) => storeFloat32(out, sumOfLanes(sum)),
}
const doubles: Sort = {
  bytes: 8,
  plus: plus64,
  times: times64,
  storeSum: (out, sum) => storeFloat64(out, sumOfHalves(sum)),
}

function dots({ bytes, plus, times, storeSum }: Sort): Code {
  const [x, end, list, listEnd, out, at, v] = [0, 1, 2, 3, 4, 5, 6]
  const sums = [7, 8, 9, 10]
  const [sum] = sums
  const turn = sums.map((each, k): Code => {
    const product = times(load128(at, VECTOR_BYTES * k), load128(v, VECTOR_BYTES * k))
    return [...plus(get(each), product), ...set(each)]
  })
  return repeat(
    less(list, listEnd),
    [...get(x), ...set(at), ...plusAddress(load32(list), get(x)), ...set(v)],
    ...sums.map(each => [...none128, ...set(each)]),
    repeat(less(at, end), ...turn, advance(at, TURN_BYTES), advance(v, TURN_BYTES)),
    [...sums.map(get).reduce(plus), ...set(sum)],
    storeSum(out, sum),
    advance(list, ADDRESS_BYTES),
    advance(out, bytes),
  )
}

function touch(): Code {
  const [bytes, list, listEnd, v, end] = [0, 1, 2, 3, 4]
  return repeat(
    less(list, listEnd),
    [...load32(list), ...set(v), ...plusAddress(get(v), get(bytes)), ...set(end)],
    repeat(less(v, end), [...load32(v), ...drop], advance(v, LINE_BYTES)),
    advance(list, ADDRESS_BYTES),
  )
}

const asDots = (name: string, sort: Sort): Func => ({
  name,
  parameters: [i32, i32, i32, i32, i32],
  results: [],
  locals: [
    [2, i32],
    [4, v128],
  ],
  code: dots(sort),
})

export const createKernel = (): Kernel =>
  instantiate([
    asDots('dots32', singles),
    asDots('dots64', doubles),
    { name: 'touch', parameters: [i32, i32, i32], results: [], locals: [[2, i32]], code: touch() },
  ])
