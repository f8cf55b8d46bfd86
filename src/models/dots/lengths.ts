/** |S v| of many v for one S, whose rows stay in the kernel's memory: of each item it is worked out before its first decision. */
import { packedLength } from '../../learner/linear/matrix.ts'
import { makeRoom } from '../../wasm/module.ts'
import { placesOf } from './dots.ts'
import { createKernel } from './kernel.ts'

const kernel = createKernel()
/** What stands there: v first, then addresses of the rows, the products, and the rows, each as long as v is with what fills its last turn. */
let held:
  | { readonly matrix: Float64Array; readonly v: Float64Array; readonly list: number; readonly products: Float64Array }
  | undefined

/** @param matrix symmetric, packed, and as wide as v; never changed afterwards */
export function lengthThrough(matrix: Float64Array, vector: Float32Array): number {
  if (vector.length === 0) return 0
  if (held?.matrix !== matrix) held = hold(matrix, vector.length)
  const { v, list, products } = held
  v.set(vector)
  kernel.dots64(0, list, list, list + Int32Array.BYTES_PER_ELEMENT * v.length, products.byteOffset)
  let squares = 0
  for (let i = 0; i < products.length; i++) squares += products[i] * products[i]
  return Math.sqrt(squares)
}

function hold(matrix: Float64Array, d: number): NonNullable<typeof held> {
  const [, row] = placesOf(d, [Float64Array])
  const list = row
  const out = list + Int32Array.BYTES_PER_ELEMENT * (d + (d % 2))
  const rows = out + row
  makeRoom(kernel.memory, rows + row * d)
  const buffer = kernel.memory.buffer as ArrayBuffer
  const all = new Float64Array(buffer, rows, (row / Float64Array.BYTES_PER_ELEMENT) * d).fill(0)
  const width = all.length / d
  for (let i = 0; i < d; i++)
    for (let j = 0; j <= i; j++) {
      all[i * width + j] = matrix[packedLength(i) + j]
      all[j * width + i] = matrix[packedLength(i) + j]
    }
  new Int32Array(buffer, list, d).set(Int32Array.from({ length: d }, (_, i) => rows + row * i))
  new Float64Array(buffer, 0, width).fill(0)
  return { matrix, v: new Float64Array(buffer, 0, d), list, products: new Float64Array(buffer, out, d) }
}
