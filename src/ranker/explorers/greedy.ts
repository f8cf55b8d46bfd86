/** The best available candidate, always. Its propensities are 1 and say nothing about other actions: `deterministic`. */
import { type Explorer, greedyOn } from './explorer.ts'

export const greedy: Explorer = {
  name: 'greedy',
  parameters: () => ({}),
  propensityKind: () => 'deterministic',
  open: scorer => greedyOn(scorer.mean, 0),
}
