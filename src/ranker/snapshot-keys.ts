/** The keys of `snapshots` that a ranker's tables have rows for: which of them change, and all of them in slices. */
import { LAST_KEY, type Table } from '../state/table.ts'
import { keyOfPage } from './snapshot.ts'
import type { RankerStore } from './state.ts'

type Tables = RankerStore['tables']
const same = (key: string): string => key

/** The tables, noting each key that changes, and each that goes. */
export function tracked(tables: Tables, changed: Set<string>, gone: Set<string>): Tables {
  const telling = <V>(table: Table<V>, keyOf: (key: string) => string, erased?: Set<string>): Table<V> => ({
    get: table.get,
    range: table.range,
    get size() {
      return table.size
    },
    commit: table.commit,
    discard: table.discard,
    set(key, value) {
      changed.add(keyOf(key))
      table.set(key, value)
    },
    delete(key) {
      if (table.get(key) === undefined) return
      changed.add(keyOf(key))
      erased?.add(key)
      table.delete(key)
    },
  })
  return {
    ...tables,
    people: telling(tables.people, same, gone),
    sessions: telling(tables.sessions, same, gone),
    pages: telling(tables.pages, keyOfPage),
  }
}

/** A walk over all keys, between whose slices the tables may change: what comes behind it has changed, and is noted. */
export interface Walk {
  readonly done: boolean
  /** Some keys more; one that has rows in two tables comes twice. */
  next(): readonly string[]
}

/** @param slice keys at once */
export function walkKeys({ people, sessions, pages }: Tables, slice: number): Walk {
  const rest: { readonly table: Table<unknown>; readonly keyOf: (key: string) => string }[] = [
    { table: people, keyOf: same },
    { table: sessions, keyOf: same },
    { table: pages, keyOf: keyOfPage },
  ]
  let from = ''
  return {
    get done() {
      return rest.length === 0
    },
    next() {
      const [current] = rest
      if (current === undefined) return []
      const keys: string[] = []
      for (const [key] of current.table.range(from, LAST_KEY)) if (keys.push(key) === slice) break
      from = `${keys.at(-1)}\0`
      if (keys.length < slice) {
        rest.shift()
        from = ''
      }
      return keys.map(current.keyOf)
    },
  }
}
