/**
 * Whether anybody decides. A gateway knows no rankers; what it sees is that requests stand in a partition of the log and
 * that no decision comes. After a while callers of that partition are refused before anything is appended, so that they
 * may ask again by the same ids; but for one now and then, by which it is noticed that a ranker is back.
 */
import { FeedloopError } from '../errors.ts'

export interface Heard {
  /** A request is in the log. */
  stored(partition: number): void
  /** A decision came, or a refusal. */
  decided(partition: number): void
  /** DEADLINE_EXCEEDED of a request that is in the log, with what is known of why. */
  late(partition: number, error: FeedloopError): FeedloopError
  /** To be called for each request that is about to be appended.
   * @throws FeedloopError RANKER_ABSENT */
  assertHeard(partition: number): void
}

/** From the first request without a decision to the refusal of others: more than a step takes, less than most restarts. */
export const ABSENT_MS = 3000
/** One request is let in so often all the same. */
const TRIAL_MS = 1000

export function createHeard(now: () => number): Heard {
  const sinceMs = new Map<number, number>()
  const triedMs = new Map<number, number>()
  const waitedMs = (partition: number): number => now() - (sinceMs.get(partition) ?? now())
  return {
    stored(partition) {
      if (!sinceMs.has(partition)) sinceMs.set(partition, now())
    },
    decided(partition) {
      sinceMs.delete(partition)
      triedMs.delete(partition)
    },
    late(partition, error) {
      const ms = waitedMs(partition)
      if (ms === 0) return error
      const why = `nothing came on recommendations/${partition} for ${ms} ms: is a ranker running?`
      return new FeedloopError(error.code, `${error.message.slice(error.code.length + 2)}; ${why}`)
    },
    assertHeard(partition) {
      if (waitedMs(partition) <= ABSENT_MS) return
      const lastMs = triedMs.get(partition)
      if (lastMs !== undefined && now() - lastMs < TRIAL_MS)
        throw new FeedloopError(
          'RANKER_ABSENT',
          `nothing is decided on requests/${partition} for ${waitedMs(partition)} ms`,
        )
      triedMs.set(partition, now())
    },
  }
}
