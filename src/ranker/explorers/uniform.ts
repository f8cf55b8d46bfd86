/** Every available candidate alike: the initial policy, and the best data for evaluating others. */
import { countAvailable, type Explorer } from './explorer.ts'

export const uniform: Explorer = {
  name: 'uniform',
  parameters: () => ({}),
  propensityKind: () => 'exact',
  open: () => ({
    conditional(available, out) {
      const share = 1 / countAvailable(available)
      for (let i = 0; i < available.length; i++) out[i] = available[i] === 1 ? share : 0
    },
  }),
}
