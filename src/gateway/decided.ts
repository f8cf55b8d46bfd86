/**
 * Where the decisions of the last while stand in `recommendations`. The ranker answers a repeated id with silence, so
 * whoever asks again must be led to the decision that was made: here by the seed that every decision record carries, for
 * as long as the ranker itself remembers the id (`limits.requestDedupMs`, by the newest decision of the partition).
 */
import { createPositions, type Positions } from './positions.ts'

/** A decision's place in the log. */
export interface Place {
  readonly partition: number
  readonly offset: number
}

export interface Decided {
  add(seed: number, place: Place, decisionTimeMs: number): void
  /** The newest decision with that seed, looked for in `partition` first; ids are unique, so elsewhere it is a mistake of
   * the caller, to be told. */
  find(seed: number, partition: number): Place | null
  /** Bytes held. */
  readonly bytes: number
}

const BUCKETS = 8

/** Decisions of one partition by buckets of decision time, forgotten a bucket at a time. */
interface Memory {
  readonly buckets: Map<number, Positions>
  newestMs: number
}

/** What the decisions of a partition must be read back at a start, ms: as the ranker forgets, a bucket late. */
export const readBackMs = (windowMs: number): number => windowMs + bucketMsOf(windowMs)

const bucketMsOf = (windowMs: number): number => Math.max(1, Math.ceil(windowMs / BUCKETS))

export function createDecided(partitions: number, windowMs: number): Decided {
  const bucketMs = bucketMsOf(windowMs)
  const memories = Array.from({ length: partitions }, (): Memory => ({ buckets: new Map(), newestMs: 0 }))
  const forget = ({ buckets, newestMs }: Memory): void => {
    for (const bucket of buckets.keys()) if ((bucket + 1) * bucketMs <= newestMs - windowMs) buckets.delete(bucket)
  }
  const findIn = (partition: number, seed: number): Place | null => {
    let offset = -1
    for (const positions of memories[partition].buckets.values()) offset = Math.max(offset, positions.get(seed))
    return offset < 0 ? null : { partition, offset }
  }
  return {
    add(seed, { partition, offset }, decisionTimeMs) {
      const memory = memories[partition]
      const bucket = Math.floor(decisionTimeMs / bucketMs)
      const positions = memory.buckets.get(bucket) ?? createPositions()
      if (!memory.buckets.has(bucket)) memory.buckets.set(bucket, positions)
      positions.set(seed, offset)
      if (decisionTimeMs <= memory.newestMs) return
      memory.newestMs = decisionTimeMs
      forget(memory)
    },
    find(seed, partition) {
      const own = findIn(partition, seed)
      for (let other = 0; own === null && other < partitions; other++) {
        const found = findIn(other, seed)
        if (found !== null) return found
      }
      return own
    },
    get bytes() {
      return memories.reduce(
        (sum, { buckets }) => [...buckets.values()].reduce((all, each) => all + each.bytes, sum),
        0,
      )
    },
  }
}
