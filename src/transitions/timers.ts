/**
 * Timers: which ids fall due by when, in buckets of time, kept in tables so that any store can hold them. What is next
 * due is read in O(1). An id never fires early, and late by at most the bucket's width. `take` fires buckets whole, so
 * ids of earlier times never outlive those of later ones; `takeSome` is for who can stop in the middle. There is no
 * cancelling: who is fired looks whether it still matters.
 */
import type { Table } from '../state/table.ts'
import { createBuckets } from './buckets.ts'

/** The last page of a bucket is written anew by every step that adds to it. */
const PAGE = 64

/** Ids of a bucket: the last page here, `full` pages before it under their own keys. */
export interface TimerPage {
  readonly ids: readonly string[]
  readonly full: number
}

export interface Timers {
  schedule(timeMs: number, id: string): void
  /** Puts what was scheduled into the tables: a page once, not once for each of its ids. To be called in the same step. */
  settle(): void
  /** Earliest clock at which something fires; Infinity when nothing is scheduled. */
  nextMs(): number
  /** Nothing that is scheduled has an earlier time; Infinity when nothing is scheduled. */
  earliestMs(): number
  /** Takes out what is due at `clockMs`, whole buckets until at least `limit` ids. */
  take(clockMs: number, limit: number): string[]
  /** Takes out a few of the earliest that are due at `clockMs`, none only when none is. */
  takeSome(clockMs: number): readonly string[]
}

/** @param widthMs of a bucket */
export function createTimers(
  name: string,
  widthMs: number,
  tables: { readonly pages: Table<TimerPage>; readonly buckets: Table<readonly number[]> },
): Timers {
  const { pages } = tables
  const buckets = createBuckets(name, tables.buckets)
  const pageKey = (bucket: number) => `${name}/${bucket}`

  /** Scheduled and not settled, by bucket. */
  let added = new Map<number, string[]>()
  /** True when the bucket was empty. */
  const addTo = (bucket: number, ids: readonly string[]): boolean => {
    const key = pageKey(bucket)
    const last = pages.get(key)
    const all = last ? [...last.ids, ...ids] : ids
    let full = last?.full ?? 0
    let from = 0
    for (; all.length - from > PAGE; from += PAGE)
      pages.set(`${key}/${full++}`, { ids: all.slice(from, from + PAGE), full: 0 })
    pages.set(key, { ids: all.slice(from), full })
    return !last
  }
  const settle = (): void => {
    if (added.size === 0) return
    const opened: number[] = []
    for (const [bucket, ids] of added) if (addTo(bucket, ids)) opened.push(bucket)
    if (opened.length > 0) buckets.add(opened)
    added = new Map()
  }

  function takeBucket(bucket: number): string[] {
    const key = pageKey(bucket)
    const last = pages.get(key)
    if (!last) return []
    const ids: string[] = []
    for (let page = 0; page < last.full; page++) {
      for (const id of pages.get(`${key}/${page}`)!.ids) ids.push(id)
      pages.delete(`${key}/${page}`)
    }
    for (const id of last.ids) ids.push(id)
    pages.delete(key)
    return ids
  }

  return {
    schedule(timeMs, id) {
      const bucket = Math.floor(timeMs / widthMs) + 1
      const ids = added.get(bucket)
      if (ids) ids.push(id)
      else added.set(bucket, [id])
    },
    settle,
    nextMs() {
      settle()
      const next = buckets.first()
      return next === undefined ? Number.POSITIVE_INFINITY : next * widthMs
    },
    earliestMs() {
      settle()
      const next = buckets.first()
      return next === undefined ? Number.POSITIVE_INFINITY : (next - 1) * widthMs
    },
    take(clockMs, limit) {
      settle()
      const ids: string[] = []
      for (let next = buckets.first(); ids.length < limit; next = buckets.first()) {
        if (next === undefined || next * widthMs > clockMs) break
        for (const id of takeBucket(next)) ids.push(id)
        buckets.removeFirst()
      }
      return ids
    },
    takeSome(clockMs) {
      settle()
      const bucket = buckets.first()
      if (bucket === undefined || bucket * widthMs > clockMs) return []
      const key = pageKey(bucket)
      const last = pages.get(key)
      if (last && last.full > 0) {
        const full = last.full - 1
        const { ids } = pages.get(`${key}/${full}`)!
        pages.delete(`${key}/${full}`)
        pages.set(key, { ids: last.ids, full })
        return ids
      }
      pages.delete(key)
      buckets.removeFirst()
      return last?.ids ?? []
    },
  }
}
