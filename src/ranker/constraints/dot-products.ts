/**
 * Dot products of one vector with all, in float64, as WebAssembly: two elements an instruction, where JavaScript looks at the bounds of each.
 * Σ a_k b_k is (s_0 + s_1) + (s_2 + s_3), s_r over the k of 4 n + r; what is left of a length that is no multiple of 4 is added to s_0.
 *
 *   products(row, end, own, out): of each row of `width` float32 with `own`, float64; squares(row, end, own, out): of each with itself
 *
 * All are addresses. The memory holds the vectors of whoever has asked last.
 */
import {
  advance,
  type Code,
  get,
  i32,
  instantiate,
  less,
  load128,
  makeRoom,
  none128,
  repeat,
  set,
  simd,
  unsigned,
  v128,
} from '../../wasm/module.ts'

export interface DotProducts {
  /** With the vector at that index, into `out`. */
  of(index: number, out: Float64Array): void
  squares(out: Float64Array): void
}

type Kernel = (row: number, end: number, own: number, out: number) => void

const MAX_PAGES = 16_384
const memory = new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES, shared: true })
const kernels = new Map<number, { readonly products: Kernel; readonly squares: Kernel }>()
let owner: DotProducts | undefined

/** @param vectors a shorter one is as if zeros came after it: those of before and after a change of `features.dimensions` */
export function createDotProducts(vectors: readonly Float32Array[]): DotProducts {
  const width = vectors.reduce((most, { length }) => Math.max(most, length), 0)
  const outAt = 8 * width
  const rowsAt = outAt + 8 * vectors.length
  const end = rowsAt + 4 * width * vectors.length
  const move = (): void => {
    if (owner === self) return
    makeRoom(memory, end)
    const floats = new Float32Array(memory.buffer, rowsAt, width * vectors.length)
    for (let i = 0; i < vectors.length; i++) {
      floats.set(vectors[i], i * width)
      floats.fill(0, i * width + vectors[i].length, (i + 1) * width)
    }
    owner = self
  }
  const run = (kernel: 'products' | 'squares', out: Float64Array): void => {
    if (end === rowsAt) out.fill(0)
    else {
      kernelsOf(width)[kernel](rowsAt, end, 0, outAt)
      out.set(new Float64Array(memory.buffer, outAt, vectors.length))
    }
  }
  const self: DotProducts = {
    of(index, out) {
      move()
      const own = new Float64Array(memory.buffer, 0, width)
      own.set(vectors[index])
      own.fill(0, vectors[index].length)
      run('products', out)
    },
    squares(out) {
      move()
      run('squares', out)
    },
  }
  return self
}

function kernelsOf(width: number) {
  let those = kernels.get(width)
  if (!those) {
    const functions = (['products', 'squares'] as const).map(name => kernel(name, width))
    those = instantiate<{ products: Kernel; squares: Kernel }>(functions, { memory, maxPages: MAX_PAGES })
    kernels.set(width, those)
  }
  return those
}

/** Locals: parameters first, then s_0 with s_1, s_2 with s_3, and elements of the row. */
const row = 0
const end = 1
const own = 2
const out = 3
const sums = [4, 5]
const part = 6

const loadFloat32 = (address: number, offset: number): Code => [...get(address), ...simd(92), 0, ...unsigned(offset)]
const loadTwoFloat32 = (address: number, offset: number): Code => [...get(address), ...simd(93), 0, ...unsigned(offset)]
const loadFloat64 = loadTwoFloat32
const toFloat64 = simd(95)
const addFloat64 = simd(240)
const multiplyFloat64 = simd(242)
const lane = (sum: number, index: number): Code => [...get(sum), ...simd(33), index]
const add = 0xa0 // f64.add

function kernel(name: 'products' | 'squares', width: number) {
  const code: number[] = sums.flatMap(sum => [...none128, ...set(sum)])
  const accumulate = (elements: Code, other: Code, sum: number): void => {
    code.push(...elements, ...toFloat64, ...set(part))
    code.push(...get(sum), ...get(part), ...(name === 'squares' ? get(part) : other))
    code.push(...multiplyFloat64, ...addFloat64, ...set(sum))
  }
  let k = 0
  for (; k + 4 <= width; k += 4)
    for (const [half, sum] of sums.entries())
      accumulate(loadTwoFloat32(row, 4 * k + 8 * half), load128(own, 8 * k + 16 * half), sum)
  for (; k < width; k++) accumulate(loadFloat32(row, 4 * k), loadFloat64(own, 8 * k), sums[0])
  const pairs = sums.flatMap(sum => [...lane(sum, 0), ...lane(sum, 1), add])
  code.push(...get(out), ...pairs, add, 0x39, 3, 0) // f64.store
  code.push(...advance(out, 8), ...advance(row, 4 * width))
  const locals = [[3, v128]] as const
  return { name, parameters: [i32, i32, i32, i32], results: [], locals, code: repeat(less(row, end), code) }
}
