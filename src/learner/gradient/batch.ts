/** Decisions as the arrays that a network takes. */
import type { NetworkBatch } from '../towers/network.ts'
import type { Shape } from '../towers/parameters.ts'
import type { Seen } from './method.ts'

/** Short lists of candidates are padded. An item's vector is never changed once known, so the array itself says which item
 * it is: whatever several decisions share is in the batch once. */
export function networkBatch(
  decisions: readonly Seen[],
  { stateDimensions, itemDimensions }: Pick<Shape, 'stateDimensions' | 'itemDimensions'>,
): NetworkBatch {
  const size = decisions.length
  const candidates = decisions.reduce((most, each) => Math.max(most, each.candidates.length), 0)
  const states = new Float32Array(size * stateDimensions)
  const rows = new Int32Array(size * candidates).fill(-1)
  const known = new Map<Float32Array, number>()
  decisions.forEach((each, b) => {
    states.set(each.state, b * stateDimensions)
    each.candidates.forEach((vector, k) => {
      let row = known.get(vector)
      if (row === undefined) {
        row = known.size
        known.set(vector, row)
      }
      rows[b * candidates + k] = row
    })
  })
  const items = new Float32Array(known.size * itemDimensions)
  let from = 0
  for (const vector of known.keys()) {
    items.set(vector, from)
    from += itemDimensions
  }
  return { states, items, rows, size, candidates }
}
