/** The ledger of an audit: counts that must add up, and the differences that were found. */

export interface Difference {
  /** Which rule is broken, e.g. `reward_differs`. */
  readonly what: string
  /** The record's id. */
  readonly id: string
  readonly expected: string
  readonly found: string
}

/** Differences listed at most; more are only counted. */
export const MAX_DIFFERENCES = 1000

export interface Ledger {
  readonly differences: Difference[]
  /** All that were found, listed or not. */
  found: number
  readonly decisions: {
    total: number
    learnedWithReward: number
    learnedByDefault: number
    inactive: number
    expired: number
    shed: number
    quarantined: number
    /** Taken before their user was forgotten. */
    forgotten: number
    /** Taken with records that retention has removed since: counted, not judged. */
    unjudged: number
    open: number
  }
  readonly outcomes: {
    total: number
    joined: number
    correction: number
    duplicate: number
    orphan: number
    quarantined: number
    pending: number
    organic: number
    /** Before their user was forgotten. */
    forgotten: number
    /** Taken with records that retention has removed since. */
    unjudged: number
  }
  readonly requests: {
    total: number
    decided: number
    duplicate: number
    refused: number
    pending: number
    /** Their decisions may be gone. */
    unjudged: number
  }
  readonly transitions: { total: number; revisions: number; skippedBatches: number; unjudged: number }
  readonly model: {
    transitionsContained: number
    transitionsCounted: number
    /** Contained and not counted, where the versions that would say why are gone. */
    transitionsUnjudged: number
  }
}

export const openLedger = (): Ledger => ({
  differences: [],
  found: 0,
  decisions: {
    total: 0,
    learnedWithReward: 0,
    learnedByDefault: 0,
    inactive: 0,
    expired: 0,
    shed: 0,
    quarantined: 0,
    forgotten: 0,
    unjudged: 0,
    open: 0,
  },
  outcomes: {
    total: 0,
    joined: 0,
    correction: 0,
    duplicate: 0,
    orphan: 0,
    quarantined: 0,
    pending: 0,
    organic: 0,
    forgotten: 0,
    unjudged: 0,
  },
  requests: { total: 0, decided: 0, duplicate: 0, refused: 0, pending: 0, unjudged: 0 },
  transitions: { total: 0, revisions: 0, skippedBatches: 0, unjudged: 0 },
  model: { transitionsContained: 0, transitionsCounted: 0, transitionsUnjudged: 0 },
})

export function differ(ledger: Ledger, what: string, id: string, values: { expected: unknown; found: unknown }): void {
  ledger.found++
  if (ledger.differences.length >= MAX_DIFFERENCES) return
  ledger.differences.push({ what, id, expected: textOf(values.expected), found: textOf(values.found) })
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
