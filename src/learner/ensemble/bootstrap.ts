/**
 * Online bootstrap (Oza & Russell 2001, "Online bagging and boosting"): in a resampled log a transition comes Poisson(1)
 * times. How often it comes to a member is a function of its id, so all revisions of a transition come alike, in any order
 * and after any restart, and each member stays a sum over its own log.
 */
import { createRandom, seedOf } from '../../state/random.ts'

/** Keeps the bootstrap's streams away from the ranker's, which are seeded by the same ids. */
const SALT = 0x6261_6700

/** Times that a transition comes to a member. The first has the log as it is (greedy bagging: Bietti et al. 2018, section 3). */
export function copiesOf(transitionId: string, member: number): number {
  if (member === 0) return 1
  return poisson1(createRandom(seedOf(transitionId, SALT + member)).uniform())
}

/** E w² / E w of the copies. */
export const dispersionOf = (member: number): number => (member === 0 ? 1 : 2)

/** Inverse of the distribution function of Poisson(1). @param uniform in [0, 1) */
export function poisson1(uniform: number): number {
  let copies = 0
  let probability = Math.exp(-1)
  for (let left = uniform - probability; left >= 0 && copies < LARGEST; left -= probability) probability /= ++copies
  return copies
}

/** Beyond it the probability is under 1e-13, where the sum above has rounded to 1. */
const LARGEST = 16
