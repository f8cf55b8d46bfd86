/**
 * xᵀv of many v as WebAssembly, four elements an instruction and a fourth of them in each of four sums, since one alone would wait for itself. Of a
 * decision's thousand candidates the most may be such that nothing is learned of, and they lie all over the memory: so a line of each is touched
 * before the first is added up, and the processor waits for many at a time.
 *
 *   dots(x, end, list, listEnd, out): of float32 from x up to `end` with as many at each address in the list, to float32 from `out` on
 *   touch(bytes, list, listEnd): reads a byte of each 64, up to `bytes`, at the addresses in the list
 *
 * All are addresses but `bytes`; `end` is a multiple of 64 bytes after x, and neither it nor the list is empty.
 */
import {
  advance,
  type Code,
  drop,
  get,
  i32,
  instantiate,
  less,
  load32,
  load128,
  type Memory,
  none128,
  plus32,
  repeat,
  set,
  storeFloat32,
  sumOfLanes,
  times32,
  v128,
} from '../../wasm/module.ts'

export interface Kernel {
  readonly memory: Memory
  dots(x: number, end: number, list: number, listEnd: number, out: number): void
  touch(bytes: number, list: number, listEnd: number): void
}

/** Elements that a turn takes. */
export const TURN = 16
const [VECTOR_BYTES, ADDRESS_BYTES, LINE_BYTES] = [16, 4, 64]

const plusAddress = (a: Code, b: Code): Code => [...a, ...b, 0x6a]

function dots(): Code {
  const [x, end, list, listEnd, out, at, v] = [0, 1, 2, 3, 4, 5, 6]
  const sums = [7, 8, 9, 10]
  const [sum] = sums
  const turn = sums.map((each, k): Code => {
    const product = times32(load128(at, VECTOR_BYTES * k), load128(v, VECTOR_BYTES * k))
    return [...plus32(get(each), product), ...set(each)]
  })
  return repeat(
    less(list, listEnd),
    [...get(x), ...set(at), ...load32(list), ...set(v)],
    ...sums.map(each => [...none128, ...set(each)]),
    repeat(less(at, end), ...turn, advance(at, VECTOR_BYTES * sums.length), advance(v, VECTOR_BYTES * sums.length)),
    [...sums.map(get).reduce(plus32), ...set(sum)],
    storeFloat32(out, sumOfLanes(sum)),
    advance(list, ADDRESS_BYTES),
    advance(out, ADDRESS_BYTES),
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

export const createKernel = (): Kernel =>
  instantiate([
    {
      name: 'dots',
      parameters: [i32, i32, i32, i32, i32],
      results: [],
      locals: [
        [2, i32],
        [4, v128],
      ],
      code: dots(),
    },
    { name: 'touch', parameters: [i32, i32, i32], results: [], locals: [[2, i32]], code: touch() },
  ])
