/** Retrieval without a model: items whose vectors have the greatest dot product with the mean of the user's history. */
import type { CandidateVectors, Retrieval } from '../../models/policy.ts'
import type { StateEncoder } from '../../state/encode.ts'
import { dotProducts } from './exact.ts'

/** Undefined when the history is no part of the state. */
export function historyRetrieval({ history: { from, count } }: StateEncoder): Retrieval | undefined {
  if (count === 0) return undefined
  const queryOf = (state: Float64Array): Float32Array => Float32Array.from(state.subarray(from, from + count))
  return {
    space: 'history',
    version: '1',
    dimensions: count,
    query(state) {
      const query = queryOf(state)
      return query.some(value => value !== 0) ? query : undefined
    },
    place(vector, out) {
      out.fill(0)
      out.set(vector.length > count ? vector.subarray(0, count) : vector)
      return 0
    },
    scores: (state, { vectors }: CandidateVectors) => dotProducts(queryOf(state), vectors),
  }
}
