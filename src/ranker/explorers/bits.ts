/**
 * The random bits of a posterior draw, 32 for each candidate, and which of them reach their candidate's floor: sfc32 (src/state/random.ts)
 * as WebAssembly, four streams side by side, candidate k's bits from stream k mod 4.
 *
 *   reach(low, high, floor, end, hit): of each four floors up to `end` that bits reach, writes the four bits and the address of the floors
 *   as a hit. @returns where the hits end
 */
import {
  advance,
  anyTrue,
  binary,
  type Code,
  constant,
  get,
  i32,
  instantiate,
  less,
  load128,
  type Memory,
  makeRoom,
  repeat,
  set,
  simd,
  splat32,
  store32,
  store128,
  v128,
  when,
} from '../../wasm/module.ts'

/** Locals: parameters first. */
const low = 0
const high = 1
const floor = 2
const end = 3
const hit = 4
const [a, b, c, counter, bits] = [5, 6, 7, 8, 9]

const HIT_BYTES = 32
const add = binary(174)
const or = binary(80)
const xor = binary(81)
const reaches = binary(64)
const shiftLeft = (value: Code, by: number): Code => [...value, ...constant(by), ...simd(171)]
const shiftRight = (value: Code, by: number): Code => [...value, ...constant(by), ...simd(173)]
const lanes = (values: readonly number[]): Code => [...simd(12), ...new Uint8Array(Uint32Array.from(values).buffer)]
const inAllLanes = (local: number): Code => [...get(local), ...splat32]

/** The next four values. */
const next: Code = [
  ...[...add(add(get(a), get(b)), get(counter)), ...set(bits)],
  ...[...add(get(counter), lanes([1, 1, 1, 1])), ...set(counter)],
  ...[...xor(get(b), shiftRight(get(b), 9)), ...set(a)],
  ...[...add(get(c), shiftLeft(get(c), 3)), ...set(b)],
  ...[...add(or(shiftLeft(get(c), 21), shiftRight(get(c), 11)), get(bits)), ...set(c)],
]

const body: Code = [
  ...[...inAllLanes(low), ...set(a), ...inAllLanes(high), ...set(b)],
  ...[...lanes([0, 1, 2, 3]), ...set(c), ...lanes([1, 1, 1, 1]), ...set(counter)],
  ...Array.from({ length: 12 }, () => next).flat(),
  ...repeat(
    less(floor, end),
    next,
    when(
      [...reaches(get(bits), load128(floor)), ...anyTrue],
      store128(hit, get(bits)),
      store32(hit, 16, get(floor)),
      advance(hit, HIT_BYTES),
    ),
    advance(floor, 16),
  ),
  ...get(hit),
]

interface Kernel {
  readonly memory: Memory
  reach(low: number, high: number, floor: number, end: number, hit: number): number
}

const kernel = instantiate<Kernel>([
  { name: 'reach', parameters: [i32, i32, i32, i32, i32], results: [i32], locals: [[5, v128]], code: body },
])

/** Candidates, ascending, and their bits. */
export interface Reached {
  readonly candidates: Int32Array
  readonly bits: Uint32Array
  readonly count: number
}

/** Floors that stand in memory. */
let held: Uint32Array | undefined
let memory = new Uint32Array(kernel.memory.buffer)
let candidates = new Int32Array(0)
let bitsOf = new Uint32Array(0)

/** Who reaches the floor. @param floors one for each candidate: the least bits that are told. Once handed in they are changed by `setFloor` alone
 * @returns until the next call */
export function reaching(seed: number, floors: Uint32Array): Reached {
  makeReady(floors.length)
  // the draws of a decision have the same ones
  if (floors !== held) memory.set(floors)
  held = floors
  return reached(seed, floors.length)
}

/** All of so many. @returns until the next call */
export function drawn(seed: number, count: number): Reached {
  makeReady(count)
  memory.fill(0, 0, count)
  held = undefined
  return reached(seed, count)
}

export function setFloor(floors: Uint32Array, candidate: number, bits: number): void {
  floors[candidate] = bits
  if (floors === held) memory[candidate] = bits
}

const groupsOf = (count: number): number => Math.ceil(count / 4)

function makeReady(count: number): void {
  const groups = groupsOf(count)
  makeRoom(kernel.memory, (16 + HIT_BYTES) * groups)
  if (memory.buffer !== kernel.memory.buffer) memory = new Uint32Array(kernel.memory.buffer)
  if (candidates.length >= count) return
  candidates = new Int32Array(4 * groups)
  bitsOf = new Uint32Array(4 * groups)
}

function reached(seed: number, length: number): Reached {
  const firstHit = 16 * groupsOf(length)
  const until = kernel.reach(seed, seed / 2 ** 32, 0, firstHit, firstHit) / 4
  let count = 0
  for (let at = firstHit / 4; at < until; at += HIT_BYTES / 4) {
    const first = memory[at + 4] / 4
    for (let lane = 0; lane < 4 && first + lane < length; lane++) {
      if (memory[at + lane] < memory[first + lane]) continue
      candidates[count] = first + lane
      bitsOf[count++] = memory[at + lane]
    }
  }
  return { candidates, bits: bitsOf, count }
}
