/**
 * As much of WebAssembly's binary format as loops over memory of their own take: a function of vector instructions, written
 * as the code that it is. https://webassembly.github.io/spec
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
/** At an address of 16 bytes' alignment. */
export const load128 = (address: number, offset = 0): Code => [...get(address), ...simd(0), 4, ...unsigned(offset)]
export const store128 = (address: number, value: Code): Code => [...get(address), ...value, ...simd(11), 4, 0]
export const store32 = (address: number, offset: number, value: Code): Code => [
  ...get(address),
  ...value,
  ...[0x36, 2],
  ...unsigned(offset),
]
/** Moves an address on. */
export const advance = (address: number, bytes: number): Code => [
  ...get(address),
  ...constant(bytes),
  0x6a,
  ...set(address),
]
export const when = (condition: Code, ...code: readonly Code[]): Code => [
  ...condition,
  0x04,
  0x40,
  ...code.flat(),
  0x0b,
]
export const less = (one: number, other: number): Code => [...get(one), ...get(other), 0x49]
/** Once and again while the condition holds after it. */
export const repeat = (condition: Code, ...code: readonly Code[]): Code => [
  ...[0x03, 0x40],
  ...code.flat(),
  ...condition,
  ...[0x0d, 0, 0x0b],
]

/** Below 8192. Constants are signed: the sixth bit of a single byte would be the sign. */
export const constant = (value: number): Code => [0x41, (value & 127) | 128, value >>> 7]

/** LEB128. */
export function unsigned(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]
}

export interface Definition {
  readonly name: string
  readonly parameters: Code
  readonly result: number
  /** How many of which type. */
  readonly locals: readonly (readonly [count: number, type: number])[]
  readonly body: Code
}

/** Of an instance. */
export interface Memory {
  readonly buffer: ArrayBuffer
  /** By pages of 64 KiB; `buffer` is another one afterwards. */
  grow(pages: number): number
}

const PAGE_BYTES = 1 << 16

/** Makes room for so many bytes. */
export function makeRoom(memory: Memory, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES))
}

/** An instance with one exported function, and its `memory` of one page. */
export function instantiate<Exports>({ name, parameters, result, locals, body }: Definition): Exports {
  const code = [locals.length, ...locals.flat(), ...body, 0x0b]
  const bytes = Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, parameters.length, ...parameters, 1, result]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...text(name), 0, 0, ...text('memory'), 2, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ])
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), {}).exports as Exports
}

const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content]
const text = (value: string): Code => [value.length, ...Buffer.from(value, 'ascii')]
