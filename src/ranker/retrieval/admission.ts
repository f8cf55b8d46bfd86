/**
 * Which rows may be candidates of one request. Each is looked at once, however often it is asked for: a condition that cannot be
 * evaluated throws, which takes some 8 µs where 0.3 are usual, and is counted.
 */
import type { Moment } from '../condition.ts'
import type { Hidden } from '../constraints/hidden.ts'
import type { CatalogueIndex } from './catalogue-index.ts'

export interface Admission {
  admits(row: number): boolean
  /** Conditions have failed so often that no more rows should be looked at than must be. */
  readonly isFailing: boolean
}

/** Half a millisecond of failures. */
const MOST_FAILED = 64

export function createAdmission(index: CatalogueIndex, moment: Moment, hidden: Hidden): Admission {
  const before = failuresOf(moment)
  const known = new Map<number, boolean>()
  const look = (row: number): boolean => !hidden(index.features.at(row).itemId) && index.isMet(row, moment)
  return {
    admits(row) {
      if (!index.asksRequest) return look(row)
      let admitted = known.get(row)
      if (admitted === undefined) {
        admitted = look(row)
        known.set(row, admitted)
      }
      return admitted
    },
    get isFailing() {
      return failuresOf(moment) - before >= MOST_FAILED
    },
  }
}

const failuresOf = ({ failed }: Moment): number => failed.values().reduce((sum, count) => sum + count, 0)
