/**
 * The ids that were decided, so that no request is decided twice: `requests` is at-least-once. An id is remembered
 * for the window, by the newest decision and not by a clock: recovery folds the same decisions and must remember the same
 * ids. They are in tables, as the rest of the state; which of them can go is told by buckets of decision time, of which a
 * step adds a page to the newest and writes no other.
 */
import type { Table } from '../state/table.ts'

export interface DecidedIds {
  has(id: string): boolean
  add(id: string, decisionTimeMs: number): void
  /** Puts what was added into the tables and forgets what is too old. To be called in the same step. */
  settle(): void
}

export interface Ages {
  readonly newestMs: number
  /** Oldest first. */
  readonly buckets: readonly Bucket[]
}
interface Bucket {
  /** Of its first decision's time, in buckets. */
  readonly number: number
  readonly newestMs: number
  /** Key of its last page. */
  readonly page: string
}

export interface DecidedId {
  readonly id: string
  /** Decision time, ms. */
  readonly timeMs: number
}

/** The ids of one step. */
export interface Page {
  readonly ids: readonly DecidedId[]
  /** Key of the page before it in its bucket; empty: none. */
  readonly before: string
}

export interface DecidedTables {
  /** Decision time by id, ms. */
  readonly decided: Table<number>
  /** By its first id and time: whoever folds the step makes the same page, and none else has its key. */
  readonly pages: Table<Page>
  /** One row. */
  readonly ages: Table<Ages>
}

/** A step forgets whole buckets: few ids each, lest it take long. */
const bucketsPerWindow = 128
const ROW = 'ages'
const none: Ages = { newestMs: 0, buckets: [] }

export function decidedIds(windowMs: number, tables: DecidedTables): DecidedIds {
  const { decided, pages, ages } = tables
  let added = new Map<string, number>()
  /** What is older is forgotten; unknown until it is asked for in a step. */
  let sinceMs: number | undefined

  const forget = ({ page: last }: Bucket, beforeMs: number): void => {
    for (let key = last; key !== ''; ) {
      const page = pages.get(key)
      for (const { id } of page?.ids ?? []) if (decided.get(id)! < beforeMs) decided.delete(id)
      pages.delete(key)
      key = page?.before ?? ''
    }
  }
  return {
    has(id) {
      sinceMs ??= (ages.get(ROW) ?? none).newestMs - windowMs
      return added.has(id) || (decided.get(id) ?? Number.NEGATIVE_INFINITY) >= sinceMs
    },
    add: (id, decisionTimeMs) => void added.set(id, decisionTimeMs),
    settle() {
      sinceMs = undefined
      if (added.size === 0) return
      const ids = [...added].map(([id, timeMs]) => ({ id, timeMs }))
      added = new Map()
      const { newestMs, buckets } = putPage(tables, { key: pageKey(ids[0]!), ids, windowMs })
      const beforeMs = newestMs - windowMs
      const isOld = (bucket: Bucket): boolean => bucket.newestMs < beforeMs
      for (const bucket of buckets.filter(isOld)) forget(bucket, beforeMs)
      ages.set(ROW, { newestMs, buckets: buckets.filter(bucket => !isOld(bucket)) })
    },
  }
}

interface NewPage {
  readonly key: string
  readonly ids: readonly DecidedId[]
  /** How long an id is remembered, ms. */
  readonly windowMs: number
}

/** Puts ids back by their pages, when neither `decided` nor `ages` is there. */
export const restorePage = (tables: DecidedTables, page: NewPage): void => tables.ages.set(ROW, putPage(tables, page))

/** Returns what `ages` is with it. What a snapshot has put back may be of a step that is folded only now. */
function putPage({ decided, pages, ages }: DecidedTables, { key, ids, windowMs }: NewPage): Ages {
  if (pages.get(key) !== undefined) return ages.get(ROW)!
  const bucketMs = Math.max(1, Math.ceil(windowMs / bucketsPerWindow))
  const untilMs = Math.max(...ids.map(({ timeMs }) => timeMs))
  const number = Math.floor(ids[0]!.timeMs / bucketMs)
  const { newestMs, buckets } = ages.get(ROW) ?? none
  const bucket = buckets.find(each => each.number === number)
  // A page of before may be put back after the one that an id is decided anew in.
  for (const { id, timeMs } of ids) if ((decided.get(id) ?? Number.NEGATIVE_INFINITY) < timeMs) decided.set(id, timeMs)
  pages.set(key, { ids, before: bucket?.page ?? '' })
  const grown = { number, newestMs: Math.max(bucket?.newestMs ?? 0, untilMs), page: key }
  const all = [...buckets.filter(each => each !== bucket), grown].sort((a, b) => a.number - b.number)
  return { newestMs: Math.max(newestMs, untilMs), buckets: all }
}

/** Key of the page that begins with this id. */
export const pageKey = ({ id, timeMs }: DecidedId): string => `${timeMs}/${id}`
