/** Vectors as catalogues have them, and the exact answer. */
import { createRandom } from '../../../src/state/random.ts'

/**
 * `isotropic`: normal. `topics`: clusters of unit length on a spectrum that falls as 1 / rank, as sentence encoders give them.
 * `outliers`: two dimensions ten times the others, as transformers have them. `popularity`: lengths log-normal, as learned
 * embeddings have them. Queries are means of a few items, as histories are.
 */
export function vectorsLike(
  kind: 'isotropic' | 'topics' | 'outliers' | 'popularity',
  count: number,
  dimensions: number,
  asked: number,
  seed = 1,
) {
  const random = createRandom(seed)
  const normal = (scale: (j: number) => number) =>
    Float32Array.from({ length: dimensions }, (_, j) => random.normal() * scale(j))
  const spectrum = (j: number) => (kind === 'topics' ? 1 / Math.sqrt(1 + j) : kind === 'outliers' && j < 2 ? 10 : 1)
  const topics = Array.from({ length: 200 }, () => normal(spectrum))
  const topical = (): Float32Array => {
    const topic = topics[Math.floor(random.uniform() ** 2 * topics.length)]
    const vector = normal(j => 0.3 * spectrum(j)).map((value, j) => value + topic[j])
    const length = Math.hypot(...vector)
    return vector.map(value => value / length)
  }
  const vectors = Array.from({ length: count }, () => {
    if (kind === 'topics') return topical()
    const length = kind === 'popularity' ? Math.exp(0.7 * random.normal()) : 1
    return normal(j => length * spectrum(j))
  })
  const queries = Array.from({ length: asked }, () => {
    const query = new Float32Array(dimensions)
    for (let i = 0; i < 5; i++) {
      const vector = vectors[Math.floor(random.uniform() * count)]
      for (let j = 0; j < dimensions; j++) query[j] += vector[j] / 5
    }
    return query
  })
  return { vectors, queries }
}

/** The rows of the greatest dot products, in float64. */
export function exactBest(
  rows: Iterable<number>,
  vectors: readonly Float32Array[],
  query: Float32Array,
  count: number,
): number[] {
  const scored = [...rows].map(row => {
    let score = 0
    for (let j = 0; j < query.length; j++) score += vectors[row][j] * query[j]
    return { row, score }
  })
  return scored
    .sort((a, b) => b.score - a.score)
    .slice(0, count)
    .map(({ row }) => row)
}

export const recall = (found: readonly number[], exact: readonly number[]): number =>
  exact.filter(row => found.includes(row)).length / exact.length
