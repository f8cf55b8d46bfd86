/**
 * Which rows have changed since the log had a snapshot of them, oldest change first, and the step up to which the log has
 * them all. A table keeps it, so that a state on disk remembers what it has not saved.
 */
import type { ChainPoint } from '../stage.ts'
import type { Table } from '../state/table.ts'

/** Keys that changed in one step. */
export interface Unsaved {
  /** JSON of the step before the first change of its group; empty: it goes with the row before it. */
  readonly before: string
  readonly keys: readonly string[]
}

export interface Saving {
  /** To be called with the keys that a step changed, just before they are committed. @param at the step; undefined: none that could be gone on from */
  changed(keys: Iterable<string>, at: ChainPoint | undefined, when: When): void
  /** What counted as saved when the tables were committed stood before this offset of the topic. */
  readonly reached: number
  /** Keys of the oldest changes that are older than `ageMs`, at most so many; none while others are under way. */
  take(ageMs: number, most: number, nowMs: number): readonly string[]
  /** These are saved beside it. Returns what makes it true: call it when the log has them, and no row holds their keys any
   * more, but for what changed since. */
  erase(keys: readonly string[]): () => void
  /** What was taken is in the log, or is not. */
  settle(saved: boolean): void
  /** All that changed up to this step is saved; null: nothing can be said. */
  floor(): ChainPoint | null
  /** Keys that wait. */
  readonly size: number
  clear(): void
  /** After `clear`: the tables are those after this step. */
  from(at: ChainPoint | null): void
}

export interface When {
  readonly atMs: number
  /** Offset behind the last record that we have appended. */
  readonly reached: number
}

interface Group {
  readonly before: ChainPoint | null
  readonly sinceMs: number
  readonly rows: string[]
  readonly keys: Set<string>
}

/** Changes of so long are one group. */
const GROUP_MS = 1000
/** Row that says how far the topic reached; behind those of numbers. */
const REACHED = 'reached'
const rowKey = (number: number): string => String(number).padStart(16, '0')

/** @param last the step after which the tables are */
export function createSaving(unsaved: Table<Unsaved>, last: ChainPoint | null, nowMs: number): Saving {
  const groups: Group[] = []
  const known = new Set<string>()
  let next = 0
  let done: string[] = []
  /** Keys to be taken out of rows with lower numbers. */
  const erased = new Map<string, number>()
  let reached = Number(unsaved.get(REACHED)?.before ?? 0)
  let taken: { readonly group: Group; readonly keys: readonly string[] } | null = null

  const add = (group: Group, row: string, keys: readonly string[]): void => {
    group.rows.push(row)
    for (const key of keys) {
      group.keys.add(key)
      known.add(key)
    }
  }
  /** Few are ever erased. */
  const forget = (): void => {
    for (const row of groups.flatMap(({ rows }) => rows)) {
      const { before, keys } = unsaved.get(row)!
      const left = keys.filter(key => Number(row) >= (erased.get(key) ?? 0))
      if (left.length < keys.length) unsaved.set(row, { before, keys: left })
    }
    erased.clear()
  }
  const open = (before: ChainPoint | null, sinceMs: number): Group => {
    const group: Group = { before, sinceMs, rows: [], keys: new Set() }
    groups.push(group)
    return group
  }
  for (const [row, { before, keys }] of unsaved.range('', REACHED)) {
    const group = before === '' ? groups.at(-1)! : open(JSON.parse(before) as ChainPoint | null, nowMs)
    add(group, row, keys)
    next = Number(row) + 1
  }
  return {
    changed(keys, at, { atMs, reached: to }) {
      if (to !== reached) unsaved.set(REACHED, { before: String(to), keys: [] })
      reached = to
      const fresh = [...keys].filter(key => !known.has(key))
      if (fresh.length > 0) {
        const newest = groups.at(-1)
        const isOpen = newest !== undefined && newest !== taken?.group && atMs - newest.sinceMs < GROUP_MS
        const group = isOpen ? newest : open(last, atMs)
        const row = rowKey(next++)
        unsaved.set(row, { before: isOpen ? '' : JSON.stringify(last), keys: fresh })
        add(group, row, fresh)
      }
      for (const row of done) unsaved.delete(row)
      done = []
      if (erased.size > 0) forget()
      last = at ?? null
    },
    take(ageMs, most, atMs) {
      const group = groups[0]
      if (taken !== null || group === undefined || atMs - group.sinceMs < ageMs) return []
      const keys = [...group.keys].slice(0, most)
      for (const key of keys) {
        group.keys.delete(key)
        known.delete(key)
      }
      taken = { group, keys }
      return keys
    },
    erase(keys) {
      for (const key of keys) {
        for (const group of groups) group.keys.delete(key)
        known.delete(key)
      }
      const before = next
      return () => {
        for (const key of keys) erased.set(key, before)
      }
    },
    settle(saved) {
      if (taken === null) return
      const { group, keys } = taken
      taken = null
      if (!saved)
        for (const key of keys) {
          group.keys.add(key)
          known.add(key)
        }
      if (group.keys.size > 0) return
      groups.shift()
      done.push(...group.rows)
    },
    floor: () => (groups.length > 0 ? groups[0]!.before : last),
    get size() {
      return known.size
    },
    get reached() {
      return reached
    },
    clear() {
      groups.length = 0
      known.clear()
      taken = null
      done = []
      erased.clear()
      last = null
      reached = 0
    },
    from(at) {
      last = at
    },
  }
}
