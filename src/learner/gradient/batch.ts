/** Decisions as the arrays that a network takes. */
import type { NetworkBatch } from '../towers/network.ts'
import type { Shape } from '../towers/parameters.ts'
import type { Seen } from './method.ts'

/** Short lists of candidates are padded: with zeros, or where items are shared with any. */
export function networkBatch(
  decisions: readonly Seen[],
  { stateDimensions, itemDimensions }: Pick<Shape, 'stateDimensions' | 'itemDimensions'>,
): NetworkBatch {
  const size = decisions.length
  const candidates = decisions.reduce((most, each) => Math.max(most, each.candidates.length), 0)
  const states = new Float32Array(size * stateDimensions)
  decisions.forEach((each, b) => {
    states.set(each.state, b * stateDimensions)
  })
  const { index, vectors } = distinct(decisions, candidates)
  const isShared = vectors.length * sharedCost(size, itemDimensions) < size * candidates
  const rows = isShared ? vectors : decisions.flatMap(each => padded(each.candidates, candidates))
  const items = new Float32Array(rows.length * itemDimensions)
  rows.forEach((vector, row) => {
    if (vector) items.set(vector, row * itemDimensions)
  })
  return { states, items, size, candidates, ...(isShared && { index }) }
}

/** Rows that an item may have, a candidate's each, before it is cheaper to have it once and all decisions look at it. Measured on
 * wasm: beside its products a unit of a row costs as many additions and multiplications as about 100 more. */
const sharedCost = (size: number, itemDimensions: number): number => 1 + (3 * size) / (2 * itemDimensions + 100)

/** A vector is never changed once known: the array itself is the key. */
function distinct(decisions: readonly Seen[], candidates: number) {
  const numbers = new Map<Float32Array, number>()
  const index = new Int32Array(decisions.length * candidates)
  decisions.forEach((each, b) => {
    each.candidates.forEach((vector, k) => {
      let number = numbers.get(vector)
      if (number === undefined) {
        number = numbers.size
        numbers.set(vector, number)
      }
      index[b * candidates + k] = number
    })
  })
  return { index, vectors: [...numbers.keys()] }
}

const padded = (vectors: readonly Float32Array[], length: number): (Float32Array | undefined)[] =>
  Array.from({ length }, (_, k) => vectors[k])
