/** As much of WebAssembly's binary format as loops over vectors need: https://webassembly.github.io/spec */

export const i32 = 0x7f
export const f32 = 0x7d
export const v128 = 0x7b

export const get = (local: number): number[] => [0x20, local]
export const set = (local: number): number[] => [0x21, local]
export const simd = (op: number): number[] => [0xfd, ...unsigned(op)]
export const load128 = (offset: number): number[] => [...simd(0), 0, ...unsigned(offset)]
/** 128 zeros. */
export const none128 = [...simd(12), ...new Array(16).fill(0)]
/** The address `bytes` after that in a local, into it. */
export const advance = (local: number, bytes: number): number[] => [
  ...get(local),
  0x41, // i32.const
  ...signed(bytes),
  0x6a, // i32.add
  ...set(local),
]
/** Repeats `body`, which is done at least once, while the address in a local is below that in another. */
export const repeat = (body: readonly number[], local: number, end: number): number[] => [
  ...[0x03, 0x40], // loop
  ...body,
  ...[...get(local), ...get(end), 0x49, 0x0d, 0, 0x0b], // branch while local < end
]

export interface Func {
  readonly name: string
  readonly parameters: readonly number[]
  readonly results: readonly number[]
  /** Locals beside the parameters, all v128. */
  readonly locals: number
  readonly code: readonly number[]
}

interface Limits {
  readonly memory: WebAssembly.Memory
  readonly maxPages: number
}

/** Compiles functions over one memory, which is shared. @returns them by name */
export function instantiate(functions: readonly Func[], { memory, maxPages }: Limits): Record<string, unknown> {
  const bodies = functions.map(({ locals, code }) => [1, ...unsigned(locals), v128, ...code, 0x0b])
  const bytes = Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(functions.map(({ parameters, results }) => [0x60, ...list(parameters), ...list(results)]))),
    ...section(2, [1, ...name('rows'), ...name('memory'), 2, 3, 1, ...unsigned(maxPages)]), // shared
    ...section(3, list([...functions.keys()])),
    ...section(7, vector(functions.map((each, i) => [...name(each.name), 0, i]))),
    ...section(10, vector(bodies.map(body => [...unsigned(body.length), ...body]))),
  ])
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { rows: { memory } }).exports
}

const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content]
const name = (text: string): number[] => [text.length, ...Buffer.from(text, 'ascii')]
const list = (values: readonly number[]): number[] => [...unsigned(values.length), ...values]
const vector = (parts: readonly (readonly number[])[]): number[] => [...unsigned(parts.length), ...parts.flat()]

/** LEB128. */
export function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]
}

function signed(value: number): number[] {
  return value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)]
}
