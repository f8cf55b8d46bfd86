/**
 * The best available candidate, but with probability ε one of the available at random (the best included). ε decays with
 * what the model has learned to a floor: the gain of looking falls as what is left to learn does (Auer et al. 2002, ε_n-greedy).
 */
import type { Learned } from '../../models/policy.ts'
import { type Explorer, greedyOn, kindWithFloor } from './explorer.ts'
import type { ConfigOf } from './schema.ts'

export function epsilonGreedy({ epsilon, start, exponent }: ConfigOf<'epsilon-greedy'>): Explorer {
  /** max(ε, start (n + 1)^-exponent). */
  const at = (learned: Learned | undefined): number =>
    learned ? Math.max(epsilon, start * (learned.decisions + 1) ** -exponent) : epsilon
  return {
    name: 'epsilon-greedy',
    parameters: learned => ({ epsilon: at(learned) }),
    propensityKind: learned => kindWithFloor(at(learned)),
    open: (scorer, _random, learned) => greedyOn(scorer.mean, at(learned)),
  }
}
