/**
 * The catalogue's items where a model's versions place them (`Retrieval`), for the scan. A new version does not place a million
 * items at once: rows follow it a few at a time, one round after the other, and until a round is over some are where the
 * version before had them. Exact scores order what is found.
 */
import type { FeatureStore } from '../../features/store.ts'
import type { Retrieval } from '../../models/policy.ts'
import { createRowScan, createRows, type RowScan, type Rows } from './rows.ts'

export interface Placed {
  readonly rows: Rows
  /** Of the version that the rows follow. */
  readonly retrieval: Retrieval
  /** Rows that have not followed yet. */
  readonly behind: number
  /** Turns to a version of the same space, when the round under way is over. */
  turnTo(retrieval: Retrieval): void
  /** Lets up to `count` more rows follow. */
  follow(count: number): void
  /** The row's item has changed. */
  changed(row: number): void
  /** In this thread. */
  readonly scan: RowScan
}

/** @param isEligible rows that are not are never found */
export function createPlaced(features: FeatureStore, isEligible: (row: number) => boolean, first: Retrieval): Placed {
  const { dimensions } = first
  const rows = createRows(dimensions)
  const out = new Float32Array(dimensions)
  let retrieval = first
  let cursor = 0
  let behind = features.size
  let scan: RowScan | undefined
  const place = (row: number): void => {
    if (!isEligible(row)) rows.hide(row)
    else rows.write(row, out, retrieval.place(features.at(row).vector, out))
  }
  return {
    rows,
    get retrieval() {
      return retrieval
    },
    get behind() {
      return behind
    },
    turnTo(next) {
      if (next.version === retrieval.version || behind > 0) return
      retrieval = next
      behind = features.size
    },
    follow(count) {
      for (let left = Math.min(count, behind); left > 0; left--) {
        cursor = cursor < features.size ? cursor : 0
        place(cursor++)
        behind--
      }
    },
    changed: place,
    get scan() {
      scan ??= createRowScan(rows)
      return scan
    },
  }
}
