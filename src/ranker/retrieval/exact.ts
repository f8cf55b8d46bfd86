/** Exact scores of the few that a scan has found, and their order. They lie anywhere in memory: what costs is to wait for it. */

/** Dot products of vectors with the query; of those of other lengths with what they have in common. Four at a time, so that memory
 * and additions of one are waited for together with those of the others. */
export function dotProducts(query: Float32Array, vectors: readonly Float32Array[]): Float64Array {
  const scores = new Float64Array(vectors.length)
  let i = 0
  for (; i + 4 <= vectors.length; i += 4) {
    const a = vectors[i]
    const b = vectors[i + 1]
    const c = vectors[i + 2]
    const d = vectors[i + 3]
    if (Math.min(a.length, b.length, c.length, d.length) < query.length) break
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    for (let j = query.length - 1; j >= 0; j--) {
      const value = query[j]
      s0 += value * a[j]
      s1 += value * b[j]
      s2 += value * c[j]
      s3 += value * d[j]
    }
    scores[i] = s0
    scores[i + 1] = s1
    scores[i + 2] = s2
    scores[i + 3] = s3
  }
  for (; i < vectors.length; i++) scores[i] = dotProduct(query, vectors[i])
  return scores
}

function dotProduct(query: Float32Array, vector: Float32Array): number {
  let score = 0
  for (let j = Math.min(query.length, vector.length) - 1; j >= 0; j--) score += query[j] * vector[j]
  return score
}

/** Indices of the scores, the greatest first, the first of equals first: a merge sort, in half of the time that a comparator takes. */
export function bestFirst(scores: Float64Array): Int32Array {
  let order = Int32Array.from(scores.keys())
  let merged = new Int32Array(scores.length)
  for (let width = 1; width < scores.length; width *= 2) {
    for (let from = 0; from < scores.length; from += 2 * width) merge(scores, order, merged, from, width)
    ;[order, merged] = [merged, order]
  }
  return order
}

/** Two runs of `order`, that at `from` and the one after it, into one of `out`. */
function merge(scores: Float64Array, order: Int32Array, out: Int32Array, from: number, width: number): void {
  const middle = Math.min(from + width, order.length)
  const end = Math.min(middle + width, order.length)
  let left = from
  let right = middle
  for (let k = from; k < end; k++)
    out[k] =
      left < middle && (right >= end || scores[order[left]] >= scores[order[right]]) ? order[left++] : order[right++]
}
