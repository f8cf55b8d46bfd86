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
  readonly number: number
  /** Of its first decision. */
  readonly fromMs: number
  readonly newestMs: number
  /** Its ids: so many rows. */
  readonly pages: number
}

export interface DecidedId {
  readonly id: string
  /** Decision time, ms. */
  readonly timeMs: number
}

export interface DecidedTables {
  /** Decision time by id, ms. */
  readonly decided: Table<number>
  /** Ids by bucket and page. */
  readonly pages: Table<readonly DecidedId[]>
  /** One row. */
  readonly ages: Table<Ages>
}

/** A step forgets whole buckets: few ids each, lest it take long. */
const bucketsPerWindow = 128
const ROW = 'ages'
const none: Ages = { newestMs: 0, buckets: [] }

export function decidedIds(windowMs: number, { decided, pages, ages }: DecidedTables): DecidedIds {
  const bucketMs = Math.max(1, Math.ceil(windowMs / bucketsPerWindow))
  let added = new Map<string, number>()
  /** What is older is forgotten; unknown until it is asked for in a step. */
  let sinceMs: number | undefined

  const put = ({ newestMs, buckets }: Ages): Ages => {
    const times = [...added.values()]
    const [fromMs, untilMs] = [Math.min(...times), Math.max(...times)]
    const last = buckets.at(-1)
    const isOpen = last !== undefined && fromMs < last.fromMs + bucketMs
    const bucket = isOpen ? last : { number: (last?.number ?? 0) + 1, fromMs, newestMs: 0, pages: 0 }
    for (const [id, timeMs] of added) decided.set(id, timeMs)
    pages.set(
      pageKey(bucket.number, bucket.pages),
      [...added].map(([id, timeMs]) => ({ id, timeMs })),
    )
    const grown = { ...bucket, newestMs: Math.max(bucket.newestMs, untilMs), pages: bucket.pages + 1 }
    return { newestMs: Math.max(newestMs, untilMs), buckets: [...(isOpen ? buckets.slice(0, -1) : buckets), grown] }
  }
  const forget = ({ number, pages: count }: Bucket, beforeMs: number): void => {
    for (let page = 0; page < count; page++) {
      const key = pageKey(number, page)
      for (const { id } of pages.get(key) ?? []) if (decided.get(id)! < beforeMs) decided.delete(id)
      pages.delete(key)
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
      const { newestMs, buckets } = put(ages.get(ROW) ?? none)
      const beforeMs = newestMs - windowMs
      const isOld = (bucket: Bucket): boolean => bucket.newestMs < beforeMs
      for (const bucket of buckets.filter(isOld)) forget(bucket, beforeMs)
      ages.set(ROW, { newestMs, buckets: buckets.filter(bucket => !isOld(bucket)) })
      added = new Map()
    },
  }
}

/** Puts ids back by their pages, when neither `decided` nor `ages` is there. */
export function restorePage({ decided, pages, ages }: DecidedTables, key: string, ids: readonly DecidedId[]): void {
  const [number, page] = key.split('/').map(Number) as [number, number]
  const times = ids.map(({ timeMs }) => timeMs)
  const [fromMs, untilMs] = [Math.min(...times), Math.max(...times)]
  const { newestMs, buckets } = ages.get(ROW) ?? none
  const before = buckets.find(each => each.number === number) ?? { number, fromMs, newestMs: 0, pages: 0 }
  const bucket = {
    number,
    fromMs: Math.min(before.fromMs, fromMs),
    newestMs: Math.max(before.newestMs, untilMs),
    pages: Math.max(before.pages, page + 1),
  }
  for (const { id, timeMs } of ids) decided.set(id, timeMs)
  pages.set(key, ids)
  const all = [...buckets.filter(each => each.number !== number), bucket].sort((a, b) => a.number - b.number)
  ages.set(ROW, { newestMs: Math.max(newestMs, untilMs), buckets: all })
}

const pageKey = (bucket: number, page: number): string => `${bucket}/${page}`
