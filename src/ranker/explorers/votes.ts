/**
 * A logged mixture: several rows of scores (posterior draws, members of a bag) each vote for their best available candidate,
 * and the action is drawn from the shares of votes under a floor, p = (1 - ε)·v^κ / Σ v^κ + ε / n with v = votes / M. Acting by one row while
 * logging the shares would bias every estimate. A row to which several are equally good parts its vote among them: models
 * that know nothing yet explore. Later slots are voted on by the SAME rows over what is left.
 */
import { type Exploration, mixUniform } from './explorer.ts'

export interface VoteOptions {
  readonly epsilon: number
  /** κ; 1: the shares of votes as they are. */
  readonly sharpness?: number
}

/** @param rows M x K, row-major */
export const votesOf = (
  rows: Float64Array,
  candidates: number,
  { epsilon, sharpness = 1 }: VoteOptions,
): Exploration => ({
  conditional(available, out) {
    out.fill(0)
    for (let offset = 0; offset < rows.length; offset += candidates) castVote(rows, offset, available, out)
    // whole votes, divided once: a sum of M times 1/M may come out above 1
    const members = rows.length / candidates
    for (let i = 0; i < candidates; i++) out[i] /= members
    if (sharpness !== 1) sharpen(out, sharpness)
    mixUniform(available, out, epsilon)
  },
})

function sharpen(out: Float64Array, sharpness: number): void {
  let sum = 0
  for (let i = 0; i < out.length; i++) {
    out[i] **= sharpness
    sum += out[i]
  }
  for (let i = 0; i < out.length; i++) out[i] /= sum
}

function castVote(rows: Float64Array, offset: number, available: Uint8Array, out: Float64Array): void {
  let best = Number.NEGATIVE_INFINITY
  let equals = 0
  let first = -1
  for (let i = 0; i < available.length; i++) {
    const score = rows[offset + i]
    if (available[i] === 0 || score < best) continue
    equals = score > best ? 1 : equals + 1
    if (equals === 1) first = i
    best = score
  }
  if (equals <= 1) out[first]++
  else
    for (let i = first; i < available.length; i++)
      if (available[i] === 1 && rows[offset + i] === best) out[i] += 1 / equals
}
