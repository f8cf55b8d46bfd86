/**
 * What one policy may choose among in the catalogue: the rows that are available and meet the policy's conditions on items
 * alone, kept as the catalogue changes; and, where there are more than candidates of a decision, the items' places for the scan.
 * It belongs to the process, not to a partition: one for each store and policy, however many tasks decide.
 */
import type { PolicyConfig } from '../../config.ts'
import type { FeatureStore } from '../../features/store.ts'
import type { Retrieval } from '../../models/policy.ts'
import { type CompiledCondition, compileCondition, type Moment, meetsAll, momentOf } from '../condition.ts'
import { createPlaced, type Placed } from './placed.ts'
import { createRowSet, type RowSet } from './row-set.ts'

export interface CatalogueIndex {
  /** Unlike that of any other. */
  readonly id: number
  readonly features: FeatureStore
  readonly eligible: RowSet
  /** Those first seen within `candidates.newWithinMs`. */
  fresh(nowMs: number): RowSet
  /** There are conditions that also depend on the request. */
  readonly asksRequest: boolean
  /** Those. */
  isMet(row: number, moment: Moment): boolean
  /** Places of the items, once all have been given one; those of a space of before while a new one fills. */
  readonly placed: Placed | undefined
  /** Goes on placing up to `count` items as `retrieval` does. */
  follow(retrieval: Retrieval, count: number): void
  /** Items that are yet to be placed as the newest version does. */
  readonly behind: number
  /** Evaluations of conditions on items alone that failed and have not been told yet, by source. */
  takeFailed(): ReadonlyMap<string, number>
}

let created = 0
const indexes = new WeakMap<FeatureStore, WeakMap<PolicyConfig, CatalogueIndex>>()

export function indexOf(features: FeatureStore, policy: PolicyConfig): CatalogueIndex {
  let ofStore = indexes.get(features)
  if (!ofStore) {
    ofStore = new WeakMap()
    indexes.set(features, ofStore)
  }
  let index = ofStore.get(policy)
  if (!index) {
    index = createIndex(features, policy)
    ofStore.set(policy, index)
  }
  return index
}

function createIndex(features: FeatureStore, { candidates }: PolicyConfig): CatalogueIndex {
  const conditions = candidates.filters.map(compileCondition)
  const [lasting, passing] = [true, false].map(lasts => conditions.filter(each => onItemAlone(each) === lasts))
  const eligible = createRowSet()
  const fresh = createFresh(features, eligible, candidates.newWithinMs)
  let moment = momentOf({}, '', {}, 0)
  let placed: Placed | undefined
  let next: Placed | undefined
  features.follow(row => {
    const item = features.at(row)
    if (item.available && meetsAll(lasting, item, moment)) eligible.add(row)
    else eligible.delete(row)
    fresh.changed(row)
    placed?.changed(row)
    next?.changed(row)
  })
  return {
    id: created++,
    features,
    eligible,
    fresh: fresh.rows,
    asksRequest: passing.length > 0,
    isMet: (row, at) => meetsAll(passing, features.at(row), at),
    get placed() {
      return placed
    },
    follow(retrieval, count) {
      let target = placed && sameSpace(placed.retrieval, retrieval) ? placed : next
      if (!target || !sameSpace(target.retrieval, retrieval)) target = createPlaced(features, eligible.has, retrieval)
      target.turnTo(retrieval)
      target.follow(count)
      if (target === placed) next = undefined
      else if (target.behind > 0) next = target
      else {
        placed = target
        next = undefined
      }
    },
    get behind() {
      return (next ?? placed)?.behind ?? 0
    },
    takeFailed() {
      const { failed } = moment
      if (failed.size > 0) moment = momentOf({}, '', {}, 0)
      return failed
    },
  }
}

const onItemAlone = ({ reads }: CompiledCondition): boolean => [...reads].every(variable => variable === 'item')

const sameSpace = (a: Retrieval, b: Retrieval): boolean => a.space === b.space && a.dimensions === b.dimensions

/** Looks through the newest items again when the catalogue has changed or so much time has passed. */
const FRESH_MS = 1000

function createFresh(features: FeatureStore, eligible: RowSet, withinMs: number) {
  let newest: number[] = []
  let rows = createRowSet()
  let seen = 0
  let lookedMs = Number.NEGATIVE_INFINITY
  return {
    changed(row: number): void {
      lookedMs = Number.NEGATIVE_INFINITY
      if (withinMs > 0 && row === seen) {
        newest.push(row)
        seen++
      }
    },
    rows(nowMs: number): RowSet {
      if (withinMs > 0 && Math.abs(nowMs - lookedMs) >= FRESH_MS) {
        newest = newest.filter(row => features.firstMs(row) > nowMs - withinMs)
        rows = createRowSet()
        for (const row of newest) if (eligible.has(row)) rows.add(row)
        lookedMs = nowMs
      }
      return rows
    },
  }
}
