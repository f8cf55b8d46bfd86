/**
 * Timers: which ids fall due by when, in buckets of time, kept in tables so that any store can hold them. What is next
 * due is read in O(1). An id never fires early, and late by at most the bucket's width. A bucket fires whole, so ids of
 * earlier times never outlive those of later ones. There is no cancelling: who is fired looks whether it still matters.
 */
import type { Table } from '../state/table.ts'

/** A page is copied for every id that is added: small pages make little garbage. */
const PAGE = 32

/** Ids of a bucket: the last page here, `full` pages before it under their own keys. */
export interface TimerPage {
  readonly ids: readonly string[]
  readonly full: number
}

export interface Timers {
  schedule(timeMs: number, id: string): void
  /** Earliest clock at which something fires; Infinity when nothing is scheduled. */
  nextMs(): number
  /** Takes out what is due at `clockMs`, whole buckets until at least `limit` ids. */
  take(clockMs: number, limit: number): string[]
}

/** @param widthMs of a bucket; a few thousand buckets at a time are fine */
export function createTimers(
  name: string,
  widthMs: number,
  tables: { readonly pages: Table<TimerPage>; readonly buckets: Table<readonly number[]> },
): Timers {
  const { pages, buckets } = tables
  const pageKey = (bucket: number) => `${name}/${bucket}`
  const index = () => buckets.get(name) ?? []

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
      const key = pageKey(bucket)
      const page = pages.get(key)
      if (!page) {
        buckets.set(name, inserted(index(), bucket))
        pages.set(key, { ids: [id], full: 0 })
      } else if (page.ids.length < PAGE) pages.set(key, { ids: [...page.ids, id], full: page.full })
      else {
        pages.set(`${key}/${page.full}`, { ids: page.ids, full: 0 })
        pages.set(key, { ids: [id], full: page.full + 1 })
      }
    },
    nextMs: () => (index().length > 0 ? index()[0] * widthMs : Number.POSITIVE_INFINITY),
    take(clockMs, limit) {
      const ids: string[] = []
      const all = index()
      let fired = 0
      while (fired < all.length && all[fired] * widthMs <= clockMs && ids.length < limit)
        for (const id of takeBucket(all[fired++])) ids.push(id)
      if (fired > 0) buckets.set(name, all.slice(fired))
      return ids
    },
  }
}

function inserted(sorted: readonly number[], bucket: number): readonly number[] {
  let at = sorted.length
  while (at > 0 && sorted[at - 1] > bucket) at--
  return [...sorted.slice(0, at), bucket, ...sorted.slice(at)]
}
