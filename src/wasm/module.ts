/**
 * As much of WebAssembly's binary format as loops over vectors need, so that a loop is written as the code that it is.
 * https://webassembly.github.io/spec
 */

export type Code = readonly number[]

export const i32 = 0x7f
export const f32 = 0x7d
export const v128 = 0x7b

export const get = (local: number): Code => [0x20, local]
export const set = (local: number): Code => [0x21, local]
export const simd = (op: number): Code => [0xfd, ...unsigned(op)]
/** Of two operands. */
export const binary =
  (op: number) =>
  (a: Code, b: Code): Code => [...a, ...b, ...simd(op)]
/** Of four float32 each. */
export const [plus32, minus32, times32] = [228, 229, 230].map(binary)
/** The sum of the four float32 in a local, as a scalar. */
export const sumOfLanes = (local: number): Code =>
  [0, 1, 2, 3].map((lane): Code => [...get(local), ...simd(31), lane]).reduce(plusScalar)
const plusScalar = (a: Code, b: Code): Code => [...a, ...b, 0x92]
/** Of two float64 each. */
export const [plus64, times64] = [240, 242].map(binary)
/** The sum of the two float64 in a local, as a scalar. */
export const sumOfHalves = (local: number): Code => [
  ...[0, 1].flatMap((lane): Code => [...get(local), ...simd(33), lane]),
  0xa0,
]
/** 128 zeros. */
export const none128: Code = [...simd(12), ...new Array(16).fill(0)]
export const splat32 = simd(17)
export const anyTrue = simd(83)
/** Four lanes of 32 bits out of the eight of two locals. */
export const shuffle = (a: number, b: number, lanes: readonly number[]): Code => [
  ...get(a),
  ...get(b),
  ...simd(13),
  ...lanes.flatMap(lane => [0, 1, 2, 3].map(byte => 4 * lane + byte)),
]
/** What stands so many bytes after the address in a local. */
export const load128 = (address: number, offset = 0): Code => [...get(address), ...simd(0), 0, ...unsigned(offset)]
/** Four int16 as float32. */
export const loadShorts = (address: number, offset = 0): Code => [
  ...get(address),
  ...simd(3),
  0,
  ...unsigned(offset),
  ...simd(250),
]
export const store128 = (address: number, value: Code): Code => [...get(address), ...value, ...simd(11), 0, 0]
export const store32 = (address: number, offset: number, value: Code): Code => [
  ...get(address),
  ...value,
  ...[0x36, 2],
  ...unsigned(offset),
]
export const load32 = (address: number): Code => [...get(address), 0x28, 2, 0]
export const storeFloat32 = (address: number, value: Code): Code => [...get(address), ...value, 0x38, 2, 0]
export const storeFloat64 = (address: number, value: Code): Code => [...get(address), ...value, 0x39, 3, 0]
/** Of what is computed for its effect alone. */
export const drop: Code = [0x1a]
export const constant = (value: number): Code => [0x41, ...signed(value)]
/** The address so many bytes after that in a local, into it. */
export const advance = (address: number, bytes: number): Code => [
  ...get(address),
  ...constant(bytes),
  0x6a,
  ...set(address),
]
export const less = (one: number, other: number): Code => [...get(one), ...get(other), 0x49]
export const when = (condition: Code, ...code: readonly Code[]): Code => [
  ...condition,
  0x04,
  0x40,
  ...code.flat(),
  0x0b,
]
/** Once, and again while the condition holds after it. */
export const repeat = (condition: Code, ...code: readonly Code[]): Code => [
  ...[0x03, 0x40],
  ...code.flat(),
  ...condition,
  ...[0x0d, 0, 0x0b],
]

export interface Func {
  readonly name: string
  readonly parameters: Code
  readonly results: Code
  /** Beside the parameters: how many of which type. */
  readonly locals: readonly (readonly [count: number, type: number])[]
  readonly code: Code
}

/** Memory that the functions share with others. */
export interface Shared {
  readonly memory: WebAssembly.Memory
  readonly maxPages: number
}

/** Memory of the functions' own. */
export interface Memory {
  readonly buffer: ArrayBuffer
  /** By pages of 64 KiB; `buffer` is another one afterwards. */
  grow(pages: number): number
}

const PAGE_BYTES = 1 << 16

/** Makes room for so many bytes. */
export function makeRoom(memory: Memory | WebAssembly.Memory, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES))
}

/** @returns functions by name; with memory of their own, of one page, also `memory` */
export function instantiate<Exports>(functions: readonly Func[], shared?: Shared): Exports {
  const bodies = functions.map(({ locals, code }) => [...vector(locals), ...code, 0x0b])
  const exported = functions.map((each, i) => [...name(each.name), 0, i])
  const memory = shared
    ? section(2, [1, ...name('shared'), ...name('memory'), 2, 3, 1, ...unsigned(shared.maxPages)])
    : section(5, [1, 0, 1])
  const types = functions.map(({ parameters, results }) => [0x60, ...list(parameters), ...list(results)])
  const bytes = Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...(shared ? memory : []),
    ...section(3, list([...functions.keys()])),
    ...(shared ? [] : memory),
    ...section(7, vector(shared ? exported : [...exported, [...name('memory'), 2, 0]])),
    ...section(10, vector(bodies.map(list))),
  ])
  const imports: Record<string, Record<string, WebAssembly.Memory>> = shared
    ? { shared: { memory: shared.memory } }
    : {}
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports as Exports
}

const section = (id: number, content: Code): Code => [id, ...list(content)]
const name = (text: string): Code => list([...Buffer.from(text, 'ascii')])
const list = (values: Code): Code => [...unsigned(values.length), ...values]
const vector = (parts: readonly Code[]): Code => [...unsigned(parts.length), ...parts.flat()]

/** LEB128. */
export function unsigned(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]
}

function signed(value: number): Code {
  return value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)]
}
