/** As much of WebAssembly's binary format as a function over memory of its own takes. https://webassembly.github.io/spec */

export type Code = readonly number[]

export const i32 = 0x7f
export const f32 = 0x7d
export const v128 = 0x7b

export const get = (local: number): Code => [0x20, local]
export const set = (local: number): Code => [0x21, local]
export const simd = (op: number): Code => [0xfd, ...unsigned(op)]
/** Aligned to 16 bytes. */
export const load128 = (offset: number): Code => [...simd(0), 4, ...unsigned(offset)]

/** LEB128. */
export function unsigned(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]
}

/** Below 8192. Constants are signed: the sixth bit of a single byte would be the sign. */
export const constant = (value: number): Code => [0x41, (value & 127) | 128, value >>> 7]

export interface Definition {
  readonly name: string
  readonly parameters: Code
  readonly result: number
  /** How many of which type. */
  readonly locals: readonly (readonly [count: number, type: number])[]
  readonly body: Code
}

/** An instance with one exported function, and its `memory` of one page. */
export function instantiate<Exports>({ name, parameters, result, locals, body }: Definition): Exports {
  const code = [locals.length, ...locals.flat(), ...body]
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
