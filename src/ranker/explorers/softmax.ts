/**
 * Plackett-Luce: each slot draws from the softmax of score / temperature over what is left (Plackett 1975), with a
 * uniform share epsilon mixed into every slot's conditional.
 */
import { type Explorer, mixUniform } from './explorer.ts'

export const softmax: Explorer = {
  name: 'softmax',
  needsPosterior: false,
  parameters: ({ temperature, epsilon }) => ({ temperature, epsilon }),
  propensityKind: () => 'exact',
  open: ({ mean }, _random, { temperature, epsilon }) => ({
    conditional(available, out) {
      let highest = Number.NEGATIVE_INFINITY
      for (let i = 0; i < mean.length; i++) if (available[i] === 1 && mean[i] > highest) highest = mean[i]
      let total = 0
      for (let i = 0; i < mean.length; i++) {
        out[i] = available[i] === 1 ? Math.exp((mean[i] - highest) / temperature) : 0
        total += out[i]
      }
      for (let i = 0; i < mean.length; i++) out[i] /= total
      mixUniform(available, out, epsilon)
    },
  }),
}
