/**
 * The score of a drive. The reward of a decision is its true expected reward, not the outcome that chance dealt, so that
 * tens of thousands of decisions tell policies apart. Kept as running sums: the mean of any stretch costs nothing.
 */

export interface DriveStats {
  readonly decisions: number
  /** Events appended, outcomes included. */
  readonly events: number
  readonly requests: number
  /** Requests without an answer in time, and answers that showed nothing. */
  readonly unanswered: number
  readonly sessions: number
  /** What people did about what was shown, by event type. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Mean expected reward of each tenth of the decisions so far; NaN while there are fewer than ten. */
  readonly tenths: readonly number[]
  readonly policyFirst10pct: number
  readonly policyLast10pct: number
  /** Mean return of the sessions that ended in the first and in the last tenth of the decisions; NaN where none did. One that still ran is in neither. */
  readonly returnFirst10pct: number
  readonly returnLast10pct: number
  /** Request sent to accepted decision read, ms; NaN before the first. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number }
}

export interface StatsKeeper {
  event(): void
  outcome(type: string): void
  request(): void
  unanswered(): void
  session(): void
  decided(latencyMs: number, expectedReward: number): void
  /** A session ended with the last decision. @param sum its return, Σ_t γ^t (expected reward)_t */
  ended(sum: number): void
  /** Mean expected reward of the last `count` decisions; NaN before the first. */
  recent(count: number): number
  read(): DriveStats
}

export function createStats(): StatsKeeper {
  const counts = { events: 0, requests: 0, unanswered: 0, sessions: 0 }
  const outcomes: Record<string, number> = {}
  const sums = [0]
  const ends: { readonly decisions: number; readonly sum: number }[] = []
  const latency = createLatencyHistogram()
  const meanReturn = (from: number, to: number): number => {
    const ended = ends.filter(({ decisions }) => decisions > from && decisions <= to)
    return ended.reduce((total, { sum }) => total + sum, 0) / ended.length
  }
  const mean = (from: number, to: number): number => (sums[to] - sums[from]) / (to - from)
  return {
    event: () => void counts.events++,
    outcome: type => {
      outcomes[type] = (outcomes[type] ?? 0) + 1
    },
    request: () => void counts.requests++,
    unanswered: () => void counts.unanswered++,
    session: () => void counts.sessions++,
    decided(latencyMs, expectedReward) {
      latency.add(latencyMs)
      sums.push(sums[sums.length - 1] + expectedReward)
    },
    ended: sum => void ends.push({ decisions: sums.length - 1, sum }),
    recent: count => mean(Math.max(0, sums.length - 1 - count), sums.length - 1),
    read() {
      const decisions = sums.length - 1
      const edge = (tenth: number): number => Math.floor((decisions * tenth) / 10)
      const tenths = Array.from({ length: 10 }, (_, i) => mean(edge(i), edge(i + 1)))
      const latencyMs = { p50: latency.quantile(0.5), p95: latency.quantile(0.95), p99: latency.quantile(0.99) }
      return {
        ...counts,
        outcomes: { ...outcomes },
        decisions,
        tenths,
        policyFirst10pct: tenths[0],
        policyLast10pct: tenths[9],
        returnFirst10pct: meanReturn(0, edge(1)),
        returnLast10pct: meanReturn(edge(9), decisions),
        latencyMs,
      }
    },
  }
}

const GROWTH = 1.05
const SMALLEST_MS = 0.1

/** Counts in buckets that grow by 5 %: quantiles are right to that. */
export function createLatencyHistogram() {
  const buckets: number[] = []
  let total = 0
  return {
    add(ms: number): void {
      const bucket = ms <= SMALLEST_MS ? 0 : Math.ceil(Math.log(ms / SMALLEST_MS) / Math.log(GROWTH))
      buckets[bucket] = (buckets[bucket] ?? 0) + 1
      total++
    },
    /** Upper edge of the bucket that holds the quantile; NaN of none. */
    quantile(q: number): number {
      let left = q * total
      for (const bucket of buckets.keys()) {
        left -= buckets[bucket] ?? 0
        if (left <= 0 && total > 0) return SMALLEST_MS * GROWTH ** bucket
      }
      return Number.NaN
    },
  }
}
