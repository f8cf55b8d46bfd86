/** The best available candidate, but with probability epsilon one of the available at random (the best included). */
import { argmax, type Explorer, mixUniform } from './explorer.ts'

export const epsilonGreedy: Explorer = {
  name: 'epsilon-greedy',
  needsPosterior: false,
  parameters: ({ epsilon }) => ({ epsilon }),
  propensityKind: ({ epsilon }) => (epsilon > 0 ? 'exact' : 'deterministic'),
  open: (scorer, _random, { epsilon }) => ({
    conditional(available, out) {
      out.fill(0)
      out[argmax(scorer.mean, available)] = 1
      mixUniform(available, out, epsilon)
    },
  }),
}
