/** What follows from an environment's being a finite Markov decision process: its marks, and what a policy is worth in it. */
import { expectedReturn, expectedSteps } from '../tabular/evaluate.ts'
import { policyIteration } from '../tabular/iteration.ts'
import { type Mdp, myopicPolicy, type PolicyTable, uniformPolicy } from '../tabular/mdp.ts'
import type { FiniteWorld, Rates, Returns } from './environment.ts'

export function finiteReturns(mdp: Mdp): Returns & { readonly myopic: number } {
  return {
    random: expectedReturn(mdp, uniformPolicy(mdp)),
    myopic: expectedReturn(mdp, myopicPolicy(mdp)),
    optimum: expectedReturn(mdp, policyIteration(mdp).policy),
    how: 'the Bellman equations of its Markov decision process, solved exactly; optimum by policy iteration',
  }
}

/** Mean reward of a decision: return over decisions of a session. The optimum has the best rate, too, if how long a session
 * is depends on nothing that is decided. */
export function finiteRates(mdp: Mdp): Rates {
  const rate = (policy: PolicyTable): number => expectedReturn(mdp, policy) / expectedSteps(mdp, policy)
  return {
    random: rate(uniformPolicy(mdp)),
    bestFixed: Math.max(...Array.from(mdp.rewards[0], (_, a) => rate(always(mdp, a)))),
    oracle: rate(policyIteration(mdp).policy),
    how: 'returns of its Markov decision process over decisions of a session, exact; bestFixed: one action everywhere',
  }
}

const always = ({ rewards }: Mdp, action: number): PolicyTable =>
  rewards.map(row => row.map((_, a) => (a === action ? 1 : 0)))

/** J of the policy that chooses slate a in state s with probability `choose(observe(s))[a]`. */
export const finiteReturn = (
  { mdp, observe }: FiniteWorld,
  choose: (observation: ReturnType<FiniteWorld['observe']>) => Float64Array,
): number =>
  expectedReturn(
    mdp,
    mdp.rewards.map((_, state) => choose(observe(state))),
  )
