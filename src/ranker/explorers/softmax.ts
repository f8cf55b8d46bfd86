/**
 * Plackett-Luce: each slot draws from the softmax of score / τ over what is left (Plackett 1975), with a uniform share ε
 * mixed into every slot's conditional. The softmax of a policy's logits is that policy, so there τ stays as it is. Of expected
 * rewards τ is in the unit of the rewards and falls as the model learns: Boltzmann exploration.
 */
import type { Learned } from '../../models/policy.ts'
import { type Explorer, mixUniform } from './explorer.ts'
import type { ConfigOf } from './schema.ts'

export function softmax({ temperature, exponent, epsilon }: ConfigOf<'softmax'>): Explorer {
  const at = (learned: Learned | undefined): number =>
    learned ? temperature * learned.rewardScale * (learned.decisions + 1) ** -exponent : temperature
  return {
    name: 'softmax',
    parameters: learned => ({ temperature: at(learned), epsilon }),
    propensityKind: () => 'exact',
    open({ mean }, _random, learned) {
      const tau = at(learned)
      return {
        conditional(available, out) {
          boltzmann(mean, tau, available, out)
          mixUniform(available, out, epsilon)
        },
      }
    },
  }
}

function boltzmann(scores: Float64Array, tau: number, available: Uint8Array, out: Float64Array): void {
  let highest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < scores.length; i++) if (available[i] === 1 && scores[i] > highest) highest = scores[i]
  let total = 0
  for (let i = 0; i < scores.length; i++) {
    out[i] = available[i] === 1 ? Math.exp((scores[i] - highest) / tau) : 0
    total += out[i]
  }
  for (let i = 0; i < scores.length; i++) out[i] /= total
}
