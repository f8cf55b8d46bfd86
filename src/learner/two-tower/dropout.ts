/**
 * Dropout of a state's inputs (Srivastava et al. 2014): each gradient step sees a decision without some of its words, so that
 * no single one has its outcome by heart. What most decisions have, numbers say, tells none of them apart and would only be missed:
 * a state that has the share d of all inputs there are does without one of them with probability p (1 − d).
 */
import type { Random } from '../../state/random.ts'
import type { Seen } from '../gradient/method.ts'

/** @param rate p, in [0, 1) @returns the decision with what is left of its state, larger by as much as is missing on average */
export function withDropout(decision: Seen, rate: number, random: Random): Seen {
  if (rate === 0) return decision
  const state = decision.state.slice()
  const present: number[] = []
  for (let i = 0; i < state.length; i++) if (state[i] !== 0) present.push(i)
  const chance = rate * (1 - present.length / state.length)
  for (const i of present) state[i] = random.uniform() < chance ? 0 : state[i] / (1 - chance)
  return { state, candidates: decision.candidates }
}
