/**
 * The newest rows of tables whose keys come in no order, held back until many of them share the pages that they are
 * written to: a B-tree copies a page for every row that is alone on it. Rows come as journals, one a transaction, which
 * are on disk from then on; they are merged into the tables a range of keys at a time, the one that waits longest first,
 * and a journal goes when nothing in it waits any more. What was merged stands in the journal too, before its rows: read
 * from the newest, the journals that are left give what waits, no more. (C0 and the rolling merge of O'Neil, Cheng, Gawlick and O'Neil
 * 1996, "The log-structured merge-tree".)
 */
import { createIntervals } from './intervals.ts'
import { type Entry, entriesOf, isMerged, mergedTo, withoutKind } from './journal.ts'
import { createRows, type Rows } from './packed/rows.ts'
import { compareKeys } from './table.ts'

/** Rows that waited in one range of keys of a table. */
export interface Merge {
  readonly table: number
  readonly from: string
  /** Where the next range begins; null: nowhere. */
  readonly to: string | null
  /** In key order; null: deleted. */
  readonly rows: readonly (readonly [key: string, row: Buffer | null])[]
}

export interface Memtable {
  /** Encoded bytes that wait; the journals that hold them, on disk, are about twice as large. */
  readonly bytes: number
  /** Null: deleted; undefined: nothing waits here, the table says. */
  get(table: number, key: string): Buffer | null | undefined
  keys(table: number): string[]
  add(number: number, journal: Buffer): void
  /** Takes up the journals that are left on disk: a row waits unless it was merged after it came, or a newer one is there. */
  recover(newestFirst: Iterable<readonly [number: number, journal: Buffer]>): void
  /** Takes note of ranges that are merged and of journals that are gone. */
  merged(plan: MergePlan): void
  /** What to merge now, so that so many bytes wait at most. */
  plan(bytes: number): MergePlan
}

export interface MergePlan {
  readonly ranges: ReadonlySet<Range>
  /** Numbers of journals that nothing waits in afterwards. */
  readonly journals: readonly number[]
  merges(): Iterable<Merge>
}

/** Rows of one table from a key on, up to that of the next range. */
interface Range {
  readonly table: number
  readonly from: string
  /** With their kinds (journal.ts). */
  readonly rows: Rows
  bytes: number
  /** No row is in an older journal; Infinity: there is none. */
  oldest: number
}

/** Bytes, or twice the newest journal: a transaction holds every page that it writes to, so a smaller limit is reached in
 * several. */
const MERGED_AT_ONCE = 1 << 20
/** A range with more rows is cut in two. */
const RANGE_ROWS = 2048

export function createMemtable(tables: number): Memtable {
  const journals = new Set<number>()
  const ranges = Array.from({ length: tables }, (_, table): Range[] => [emptyRange(table, '')])
  let bytes = 0
  let newestBytes = 0

  const indexOf = (table: number, key: string): number => {
    let low = 0
    for (let high = ranges[table].length; high - low > 1; ) {
      const middle = (low + high) >> 1
      if (compareKeys(ranges[table][middle].from, key) <= 0) low = middle
      else high = middle
    }
    return low
  }
  const endOf = (table: number, from: string): string | null => ranges[table][indexOf(table, from) + 1]?.from ?? null
  const put = (number: number, { table, key, row, size }: Entry): void => {
    const index = indexOf(table, key)
    const range = ranges[table][index]
    range.rows.set(key, row)
    range.oldest = Math.min(range.oldest, number)
    range.bytes += size
    bytes += size
    if (range.rows.size > RANGE_ROWS) ranges[table].splice(index, 1, ...halves(range))
  }
  const waits = ({ table, key }: Entry): boolean => ranges[table][indexOf(table, key)].rows.get(key) !== undefined
  const inAge = (): Range[] =>
    ranges
      .flat()
      .filter(range => range.rows.size > 0)
      .sort((a, b) => a.oldest - b.oldest)

  return {
    get bytes() {
      return bytes
    },
    get(table, key) {
      const row = ranges[table][indexOf(table, key)].rows.get(key)
      return row && withoutKind(row)
    },
    keys: table => ranges[table].flatMap(range => [...range.rows].map(([key]) => key)),
    add(number, journal) {
      journals.add(number)
      newestBytes = journal.length
      for (const entry of entriesOf(journal)) if (!isMerged(entry.row)) put(number, entry)
    },
    recover(newestFirst) {
      const gone = Array.from({ length: tables }, createIntervals)
      for (const [number, journal] of newestFirst) {
        journals.add(number)
        const entries = [...entriesOf(journal)]
        for (const entry of entries)
          if (!isMerged(entry.row) && !gone[entry.table].has(entry.key) && !waits(entry)) put(number, entry)
        for (const { table, key, row } of entries) if (isMerged(row)) gone[table].add(key, mergedTo(row))
      }
    },
    plan(limit) {
      const waiting = inAge()
      let merged = 0
      const least = Math.max(limit, bytes - Math.max(MERGED_AT_ONCE, 2 * newestBytes))
      for (let held = bytes; held > least && merged < waiting.length; merged++) held -= waiting[merged].bytes
      const chosen = waiting.slice(0, merged)
      const oldest = waiting[merged]?.oldest ?? Number.POSITIVE_INFINITY
      return {
        ranges: new Set(chosen),
        journals: [...journals].filter(number => number < oldest),
        *merges() {
          for (const { table, from, rows } of chosen)
            yield {
              table,
              from,
              to: endOf(table, from),
              rows: inOrder(rows).map(([key, row]) => [key, withoutKind(row)] as const),
            }
        },
      }
    },
    merged(plan) {
      for (const number of plan.journals) journals.delete(number)
      for (const range of plan.ranges) bytes -= range.bytes
      ranges.forEach((of, table) => {
        // A range stays where it was, lest its old neighbour grow older still; of empty ones side by side one is enough.
        const left = of.map(range => (plan.ranges.has(range) ? emptyRange(table, range.from) : range))
        ranges[table] = left.filter((range, i) => i === 0 || range.rows.size > 0 || left[i - 1].rows.size > 0)
      })
    },
  }
}

const emptyRange = (table: number, from: string): Range => ({
  table,
  from,
  rows: createRows(),
  bytes: 0,
  oldest: Number.POSITIVE_INFINITY,
})
const inOrder = (rows: Rows) => [...rows].sort(([a], [b]) => compareKeys(a, b))

function rowsOf(list: Iterable<readonly [string, Buffer]>): Rows {
  const rows = createRows()
  for (const [key, row] of list) rows.set(key, row)
  return rows
}

function halves({ table, from, rows, bytes, oldest }: Range): [Range, Range] {
  const sorted = inOrder(rows)
  const middle = sorted.length >> 1
  const half = (start: string, list: typeof sorted): Range => ({
    table,
    from: start,
    rows: rowsOf(list),
    bytes: bytes / 2,
    oldest,
  })
  return [half(from, sorted.slice(0, middle)), half(sorted[middle][0], sorted.slice(middle))]
}
