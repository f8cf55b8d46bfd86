/** Every ordered slate that an explorer can show, with its probability: the long way, to check the sampler against. */
import type { Exploration } from '../../src/ranker/explorers/explorer.ts'

export interface PossibleSlate {
  readonly items: readonly number[]
  readonly probability: number
}

export function possibleSlates(exploration: Exploration, count: number, slots: number): readonly PossibleSlate[] {
  const grow = (items: readonly number[], probability: number): readonly PossibleSlate[] => {
    if (items.length === Math.min(slots, count)) return [{ items, probability }]
    const conditional = new Float64Array(count)
    exploration.conditional(
      Uint8Array.from({ length: count }, (_, i) => (items.includes(i) ? 0 : 1)),
      conditional,
    )
    return [...conditional.entries()]
      .filter(([, p]) => p > 0)
      .flatMap(([item, p]) => grow([...items, item], probability * p))
  }
  return grow([], 1)
}

export const slateProbability = (exploration: Exploration, count: number, items: readonly number[]): number => {
  const conditional = new Float64Array(count)
  const available = new Uint8Array(count).fill(1)
  return items.reduce((probability, item) => {
    exploration.conditional(available, conditional)
    available[item] = 0
    return probability * conditional[item]
  }, 1)
}
