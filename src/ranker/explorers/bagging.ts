/**
 * Bagging: the members of a bagged model (src/learner/ensemble) each vote for their best candidate (Agarwal et al. 2014, section
 * 6; Bietti et al. 2018, algorithm 3; bootstrap Thompson sampling, Eckles & Kaptein 2014). No draw is taken here: the chance
 * was in what the members learned, so the shares are a function of the version alone.
 */
import type { Explorer } from './explorer.ts'
import type { ConfigOf } from './schema.ts'
import { castVote, votesOf } from './votes.ts'

export const bagging = ({ epsilon }: ConfigOf<'bagging'>): Explorer => ({
  name: 'bagging',
  parameters: () => ({ epsilon }),
  propensityKind: () => 'exact',
  open({ mean, members }) {
    const candidates = Int32Array.from(mean, (_, k) => k)
    const voters = members!.map(scores => (available: Uint8Array, out: Float64Array) => {
      castVote({ candidates, scores, from: 0, to: scores.length }, available, out)
    })
    return votesOf(voters, { epsilon })
  },
})
