/**
 * Session segments: consecutive decisions of a session with the rewards that they have by now. Multi-step returns are sums
 * along them (V-trace, GAE, n-step). The chain is by the next decision's id, so what is between two of them is known, and a
 * decision that was evicted, shed or never continued ends the segment; the value of its next state then stands for the rest.
 */
import type { Buffer, Entry } from './buffer.ts'

/** From `first` on, at most `most` decisions that can all be learned. @returns none when `first` can't */
export function segmentFrom(buffer: Buffer, first: Entry, most: number): Entry[] {
  const segment: Entry[] = []
  for (let entry: Entry | undefined = first; entry && segment.length < most; entry = after(buffer, entry)) {
    if (!buffer.learnable(entry)) break
    segment.push(entry)
  }
  return segment
}

const after = (buffer: Buffer, { nextDecisionId, discount }: Entry): Entry | undefined =>
  nextDecisionId !== null && discount !== 0 ? buffer.find(`${nextDecisionId}/0`) : undefined
