/**
 * A logged mixture: several voters (posterior draws, members of a bag) each vote for what they score best of the available,
 * and the action is drawn from the shares of votes under a floor, p = (1 - ε)·v^κ / Σ v^κ + ε / n with v = votes / M. Acting by one voter while
 * logging the shares would bias every estimate. A voter to whom several are equally good parts its vote among them: models
 * that know nothing yet explore. Later slots are voted on by the SAME voters over what is left.
 */
import { type Exploration, mixUniform } from './explorer.ts'

export interface VoteOptions {
  readonly epsilon: number
  /** κ; 1: the shares of votes as they are. */
  readonly sharpness?: number
}

/** Adds one vote to `out`. At least one candidate is available. */
export type Voter = (available: Uint8Array, out: Float64Array) => void

/** Candidates by index, ascending, and what somebody scores them, from one place of the arrays to another. */
export interface Scored {
  readonly candidates: Int32Array
  readonly scores: Float64Array
  readonly from: number
  readonly to: number
}

export const votesOf = (voters: readonly Voter[], { epsilon, sharpness = 1 }: VoteOptions): Exploration => ({
  conditional(available, out) {
    out.fill(0)
    for (const vote of voters) vote(available, out)
    // whole votes, divided once: a sum of M times 1/M may come out above 1
    for (let i = 0; i < out.length; i++) out[i] /= voters.length
    if (sharpness !== 1) sharpen(out, sharpness)
    mixUniform(available, out, epsilon)
  },
})

function sharpen(out: Float64Array, sharpness: number): void {
  let sum = 0
  for (let i = 0; i < out.length; i++) {
    if (out[i] === 0) continue
    out[i] **= sharpness
    sum += out[i]
  }
  for (let i = 0; i < out.length; i++) out[i] /= sum
}

/** Votes for the best of the scored that are available, if that is at least `least`. @returns whether it has voted */
export function castVote(
  { candidates, scores, from, to }: Scored,
  available: Uint8Array,
  out: Float64Array,
  least = Number.NEGATIVE_INFINITY,
): boolean {
  let best = least
  let equals = 0
  let first = -1
  for (let i = from; i < to; i++) {
    const score = scores[i]
    if (score < best || available[candidates[i]] === 0) continue
    equals = equals > 0 && score === best ? equals + 1 : 1
    if (equals === 1) first = i
    best = score
  }
  if (equals === 1) out[candidates[first]]++
  else
    for (let i = first; i < to && equals > 0; i++)
      if (available[candidates[i]] === 1 && scores[i] === best) out[candidates[i]] += 1 / equals
  return equals > 0
}
