/**
 * Session segments: consecutive decisions of a session with the rewards that they have by now. Multi-step returns are sums
 * along them (V-trace, GAE, n-step). The chain is by the next decision's id, so what is between two of them is known, and a
 * decision that was evicted, shed or never continued ends the segment; the value of its next state then stands for the rest.
 */
import type { Random } from '../../state/random.ts'
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

/**
 * About `rows` decisions in segments of at most `most` that begin at uniform draws. Each decision is in one segment only:
 * another draw of it is dropped, and a segment ends before what is there already, so that no row is computed twice.
 */
export function drawSegments(buffer: Buffer, random: Random, rows: number, most: number): Entry[][] {
  const taken = new Set<Entry>()
  const segments: Entry[][] = []
  for (let draws = rows; draws > 0 && taken.size < rows; draws--) {
    const [first] = buffer.sample(random, 1)
    if (!first) continue
    const free = segmentFrom(buffer, first, Math.min(most, rows - taken.size))
    const met = free.findIndex(entry => taken.has(entry))
    const segment = met < 0 ? free : free.slice(0, met)
    if (segment.length === 0) continue
    for (const entry of segment) taken.add(entry)
    segments.push(segment)
  }
  return segments
}
