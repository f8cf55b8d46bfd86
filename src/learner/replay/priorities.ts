/**
 * Proportional prioritised replay (Schaul et al. 2016, section 3.3, algorithm 1): place i is drawn with probability
 * P(i) = p_i / Σ p, p_i = (|δ_i| + ε)^α, and its loss counts w_i = (N P(i))^−β / max_j w_j, β annealed to 1, so that what is
 * learned does in the end not depend on what was drawn. What is new has the highest priority that there ever was.
 */
import type { Random } from '../../state/random.ts'
import { createSumTree } from './sum-tree.ts'

export interface PriorityOptions {
  /** α: 0 is uniform. */
  readonly exponent: number
  /** β at the first step. */
  readonly importance: number
  /** Steps until β is 1. */
  readonly importanceSteps: number
}

export interface Draw {
  readonly place: number
  /** w_i, (0, 1]. */
  readonly weight: number
}

export interface Priorities {
  /** What is there is to be drawn soon: it is new, or says something else than it did. */
  arrive(place: number): void
  /** It is not to be drawn. */
  remove(place: number): void
  /** The error that it was last learned with. */
  learned(place: number, error: number): void
  /** One draw from each of `count` equal parts of the sum. None when nothing has a priority. @param step for β */
  draw(random: Random, count: number, step: number): Draw[]
  /** p of what arrives. All of a checkpoint that is not in the places. */
  highest: number
  /** Σ p. */
  readonly total: number
  /** Places with a priority, N. */
  readonly size: number
}

/** What was foretold exactly is still drawn now and then. */
const EPSILON = 1e-3

export const annealed = ({ importance, importanceSteps }: PriorityOptions, step: number): number =>
  importance + (1 - importance) * Math.min(1, step / importanceSteps)

export function createPriorities(capacity: number, options: PriorityOptions): Priorities {
  const tree = createSumTree(capacity)
  let size = 0
  const set = (place: number, priority: number): void => {
    size += Number(priority > 0) - Number(tree.at(place) > 0)
    tree.set(place, priority)
  }
  const priorities: Priorities = {
    highest: 1,
    arrive: place => set(place, priorities.highest),
    remove: place => set(place, 0),
    learned(place, error) {
      const priority = (Math.abs(error) + EPSILON) ** options.exponent
      priorities.highest = Math.max(priorities.highest, priority)
      set(place, priority)
    },
    draw(random, count, step) {
      if (size === 0) return []
      const beta = annealed(options, step)
      const part = tree.total / count
      const places = Array.from({ length: count }, (_, i) => tree.find(part * (i + random.uniform())))
      const weights = places.map(place => ((size * tree.at(place)) / tree.total) ** -beta)
      const most = Math.max(...weights)
      return places.map((place, i) => ({ place, weight: weights[i] / most }))
    },
    get total() {
      return tree.total
    },
    get size() {
      return size
    },
  }
  return priorities
}
