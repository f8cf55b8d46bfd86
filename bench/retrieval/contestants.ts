/** Who else finds the best items by dot product. */
import '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs'
import { createBest } from '../../src/ranker/retrieval/best.ts'
import { bestFirst, dotProducts } from '../../src/ranker/retrieval/exact.ts'

export type Search = (query: Float32Array) => Promise<ArrayLike<number> & Iterable<number>>

const dot = (a: Float32Array, from: number, b: Float32Array): number => {
  let sum = 0
  for (let j = 0; j < b.length; j++) sum += a[from + j] * b[j]
  return sum
}

/** The rows in the order of their exact scores. */
export function rerank(
  rows: Int32Array,
  vectors: readonly Float32Array[],
  query: Float32Array,
  wanted: number,
): Int32Array {
  const found = Array.from(rows, row => vectors[row])
  const order = bestFirst(dotProducts(query, found))
  return order.subarray(0, wanted).map(i => rows[i])
}

function together(vectors: readonly Float32Array[], dimensions: number): Float32Array {
  const all = new Float32Array(vectors.length * dimensions)
  vectors.forEach((vector, row) => void all.set(vector, row * dimensions))
  return all
}

function bestOf(
  scores: Float32Array,
  vectors: readonly Float32Array[],
  query: Float32Array,
  wanted: number,
): Int32Array {
  const best = createBest(wanted)
  for (let row = 0; row < scores.length; row++) if (scores[row] >= best.least) best.offer(row, scores[row])
  return rerank(best.rows(), vectors, query, wanted)
}

/** Every item, float32, plain JavaScript. */
export function exactScan(vectors: readonly Float32Array[], dimensions: number, wanted: number): Search {
  const all = together(vectors, dimensions)
  const scores = new Float32Array(vectors.length)
  return async query => {
    for (let row = 0; row < scores.length; row++) scores[row] = dot(all, row * dimensions, query)
    return bestOf(scores, vectors, query, wanted)
  }
}

/** Every item, float32, one product of matrices in WebAssembly. */
export async function tensorflow(
  vectors: readonly Float32Array[],
  dimensions: number,
  wanted: number,
): Promise<Search> {
  await tf.setBackend('wasm')
  const items = tf.tensor2d(together(vectors, dimensions), [vectors.length, dimensions])
  return async query => {
    const product = tf.tidy(() => tf.matMul(items, tf.tensor2d(query, [dimensions, 1])))
    const found = bestOf(product.dataSync<'float32'>(), vectors, query, wanted)
    product.dispose()
    return found
  }
}

/** USearch's HNSW with its defaults, in another thread of its own making; undefined where it is not installed. `FEEDLOOP_USEARCH`: its file. */
export async function hnsw(
  vectors: readonly Float32Array[],
  dimensions: number,
  wanted: number,
  say: (line: string) => void,
) {
  const module: string = process.env.FEEDLOOP_USEARCH ?? 'usearch'
  const usearch = await import(module).catch(() => undefined)
  if (!usearch) return void say('no USearch: npm install --no-save usearch')
  const index = new (usearch.default ?? usearch).Index({ metric: 'ip', dimensions, quantization: 'f32' })
  const before = process.memoryUsage.rss()
  const startMs = performance.now()
  for (let from = 0; from < vectors.length; from += 10_000) {
    const some = vectors.slice(from, from + 10_000)
    index.add(
      BigUint64Array.from(some, (_, i) => BigInt(from + i)),
      together(some, dimensions),
    )
  }
  const search: Search = async query => Int32Array.from(index.search(query, wanted, 1).keys, Number)
  const memoryMiB = (process.memoryUsage.rss() - before) / 2 ** 20
  return { search, memoryMiB, buildSeconds: (performance.now() - startMs) / 1000 }
}
