/**
 * What serves before the first release. `random`: every candidate alike. `greedy`: the caller's own order (its baseline,
 * then the candidates as they came) with the configured ε floor, so that even these decisions can be learned from.
 */
import type { Request } from '../../schemas/records.ts'
import type { PolicyConfig } from '../config.ts'
import type { Scorer } from '../models/policy.ts'
import { epsilonGreedy } from './explorers/epsilon-greedy.ts'
import type { Explorer } from './explorers/explorer.ts'
import { uniform } from './explorers/uniform.ts'

export function initialExplorer({ initial, explorer }: PolicyConfig): Explorer {
  if (initial === 'random') return uniform
  return epsilonGreedy({
    name: 'epsilon-greedy',
    epsilon: 'epsilon' in explorer ? explorer.epsilon : 0,
    start: 0,
    exponent: 0,
  })
}

/** Scores that fall by one from each candidate to the next in the caller's order. */
export function initialScorer(request: Pick<Request, 'baseline'>, itemIds: readonly string[]): Scorer {
  const baseline = new Map((request.baseline ?? []).map((itemId, rank) => [itemId, rank]))
  const mean = new Float64Array(itemIds.length)
  for (let i = 0; i < itemIds.length; i++) mean[i] = -(baseline.get(itemIds[i]) ?? baseline.size + i)
  return { mean }
}
