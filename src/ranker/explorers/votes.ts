/**
 * A logged mixture: several rows of scores (posterior draws, members of a bag) each vote for their best available
 * candidate, and the action is drawn from the shares of votes under a floor, p = (1 - ε)·votes / M + ε / n. Acting by one
 * row while logging the shares would bias every estimate. Later slots are voted on by the SAME rows over what is left.
 */
import { argmax, type Exploration, mixUniform } from './explorer.ts'

/** @param rows M x K, row-major */
export const votesOf = (rows: Float64Array, candidates: number, epsilon: number): Exploration => ({
  conditional(available, out) {
    out.fill(0)
    const vote = candidates / rows.length
    for (let offset = 0; offset < rows.length; offset += candidates) out[argmax(rows, available, offset)] += vote
    mixUniform(available, out, epsilon)
  },
})
