/**
 * Tables: the stages' local state, a cache of what the log holds. A step writes to an overlay; the task commits it only
 * after the chain accepted the step, so a table is never newer than the chain. Values are replaced, never mutated.
 * This implementation keeps everything on the heap; one on disk fits the same interface.
 */

export interface Table<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
  /** Entries with from <= key < to in key order, the overlay included. */
  range(from: string, to: string): Iterable<readonly [string, V]>
  readonly size: number
  commit(): void
  discard(): void
}

const absent = Symbol('absent')

export function memoryTable<V>(): Table<V> {
  const base = new Map<string, V>()
  const overlay = new Map<string, V | typeof absent>()
  const get = (key: string): V | undefined => {
    const fresh = overlay.get(key)
    if (fresh === undefined) return base.get(key)
    return fresh === absent ? undefined : fresh
  }
  return {
    get,
    set: (key, value) => void overlay.set(key, value),
    delete: key => void overlay.set(key, absent),
    *range(from, to) {
      const keys = new Set<string>()
      for (const key of base.keys()) if (key >= from && key < to) keys.add(key)
      for (const key of overlay.keys()) if (key >= from && key < to) keys.add(key)
      for (const key of [...keys].sort()) {
        const value = get(key)
        if (value !== undefined) yield [key, value] as const
      }
    },
    get size() {
      let size = base.size
      for (const [key, value] of overlay) size += (value === absent ? 0 : 1) - (base.has(key) ? 1 : 0)
      return size
    },
    commit() {
      for (const [key, value] of overlay) {
        if (value === absent) base.delete(key)
        else base.set(key, value)
      }
      overlay.clear()
    },
    discard: () => overlay.clear(),
  }
}

/** Commits or discards several tables as one state. */
export const asState = <T extends Record<string, Table<unknown>>>(tables: T) => ({
  ...tables,
  commit() {
    for (const table of Object.values(tables)) table.commit()
  },
  discard() {
    for (const table of Object.values(tables)) table.discard()
  },
})
