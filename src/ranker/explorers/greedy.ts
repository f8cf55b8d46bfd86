/** The best available candidate, always. Its propensities are 1 and say nothing about other actions: `deterministic`. */
import { argmax, type Explorer } from './explorer.ts'

export const greedy: Explorer = {
  name: 'greedy',
  needsPosterior: false,
  parameters: () => ({}),
  propensityKind: () => 'deterministic',
  open: scorer => ({
    conditional(available, out) {
      out.fill(0)
      out[argmax(scorer.mean, available)] = 1
    },
  }),
}
