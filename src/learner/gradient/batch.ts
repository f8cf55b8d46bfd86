/** Decisions as the arrays that a network takes. */
import type { NetworkBatch } from '../towers/network.ts'
import type { Shape } from '../towers/parameters.ts'
import type { Seen } from './method.ts'

/** Short lists of candidates are padded with zeros. */
export function networkBatch(
  decisions: readonly Seen[],
  { stateDimensions, itemDimensions }: Pick<Shape, 'stateDimensions' | 'itemDimensions'>,
): NetworkBatch {
  const size = decisions.length
  const candidates = decisions.reduce((most, each) => Math.max(most, each.candidates.length), 0)
  const states = new Float32Array(size * stateDimensions)
  const items = new Float32Array(size * candidates * itemDimensions)
  decisions.forEach((each, b) => {
    states.set(each.state, b * stateDimensions)
    each.candidates.forEach((vector, k) => {
      items.set(vector, (b * candidates + k) * itemDimensions)
    })
  })
  return { states, items, size, candidates }
}
