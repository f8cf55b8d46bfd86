/** What follows from an environment's being a finite Markov decision process: its marks, and what a policy is worth in it. */
import { expectedReturn } from '../tabular/evaluate.ts'
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

/** Nearly no discount: who is best by it is best on average over many decisions. */
const LONG_RUN = 0.999

/** Mean reward of a decision, of which `observed` make a session at most. */
export function finiteRates(mdp: Mdp, observed: number): Rates {
  const rate = (policy: PolicyTable): number => meanReward(mdp, policy, observed)
  return {
    random: rate(uniformPolicy(mdp)),
    bestFixed: Math.max(...Array.from(mdp.rewards[0], (_, a) => rate(always(mdp, a)))),
    oracle: rate(policyIteration({ ...mdp, discount: Math.max(LONG_RUN, mdp.discount) }).policy),
    how: 'over the decisions of a session, by the distribution of its states; bestFixed: one action everywhere; oracle: best in the long run',
  }
}

/** Σ_t d_t r_π / Σ_t |d_t|, with d_t the distribution of the state before decision t, which sums to less once sessions end. */
function meanReward({ initial, transitions, rewards }: Mdp, policy: PolicyTable, observed: number): number {
  let before = initial
  let [earned, made] = [0, 0]
  for (let t = 0; t < observed; t++) {
    const after = new Float64Array(initial.length)
    before.forEach((mass, s) => {
      made += mass
      policy[s].forEach((p, a) => {
        if (p === 0 || mass === 0) return
        earned += mass * p * rewards[s][a]
        for (let to = 0; to < after.length; to++) after[to] += mass * p * transitions[s][a][to]
      })
    })
    before = after
  }
  return earned / made
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
