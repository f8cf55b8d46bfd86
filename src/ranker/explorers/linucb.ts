/** LinUCB (Li et al. 2010, algorithm 1): the best mean + α·deviation, where the deviation is σ ‖φ‖ by the inverse precision.
 * It is a fixed choice given the model, so that only the ε floor gives other candidates a propensity. */
import { type Explorer, greedyOn, kindWithFloor } from './explorer.ts'
import type { ConfigOf } from './schema.ts'

export const linucb = ({ alpha, epsilon }: ConfigOf<'linucb'>): Explorer => ({
  name: 'linucb',
  parameters: () => ({ alpha, epsilon }),
  propensityKind: () => kindWithFloor(epsilon),
  open: ({ mean, deviation }) =>
    greedyOn(
      mean.map((value, i) => value + alpha * deviation![i]),
      epsilon,
    ),
})
