/**
 * One table on disk. A value is looked for where it is newest: the step's overlay, what is committed but not yet written
 * (`fresh`), what is being written (`writing`), the cache, the disk. Only the disk's thread writes to the disk, and only
 * the store (disk.ts) says when, for all tables at once.
 */
import type { Database } from 'lmdb'
import { createCache, type Pool } from './cache.ts'
import { isLong, storedKey, wholeKey, withKey, withoutKey } from './keys.ts'
import type { Codec, Table } from './table.ts'

export interface DiskTable<V> extends Table<V> {
  /** About how many bytes were committed and are not being written yet. */
  readonly freshBytes: number
  /** Queues what is fresh for the transaction being put together. */
  write(): void
  /** What was queued is on disk. */
  written(): void
}

const absent = Symbol('absent')
type Entry<V> = V | typeof absent
export type Bytes = Database<Buffer, string | Buffer>

export interface DiskTableOptions<V> {
  readonly db: Bytes
  readonly codec: Codec<V>
  /** Room for hot values, shared with the other tables. */
  readonly pool: Pool
}

/** What a value takes besides its encoded bytes, about: an entry in a map and its key. */
const ENTRY_BYTES = 100

let last: Promise<boolean> | undefined
/** An operation fails with its transaction, which the store awaits; unheard its own promise would end the process. Most
 * of a transaction's operations share one. */
export function heard(promise: Promise<boolean>): void {
  if (promise !== last) promise.catch(() => {})
  last = promise
}

export function diskTable<V>({ db, codec, pool }: DiskTableOptions<V>): DiskTable<V> {
  let overlay = new Map<string, Entry<V>>()
  let fresh = new Map<string, Entry<V>>()
  let writing = new Map<string, Entry<V>>()
  /** Keys that the step looked for and that are nowhere. */
  let missed = new Set<string>()
  let { entryCount: committed } = db.getStats() as { entryCount: number }
  let meanBytes = 500
  const cache = createCache<V>(pool, () => meanBytes + ENTRY_BYTES)

  const decode = (key: string, bytes: Buffer): V => codec.decode(isLong(key) ? withoutKey(bytes) : bytes)
  const load = (key: string): V | undefined => {
    const bytes = db.getBinary(key)
    if (bytes === undefined) {
      missed.add(key)
      return undefined
    }
    const value = decode(key, bytes)
    cache.put(key, value, bytes.length + ENTRY_BYTES)
    return value
  }
  const pending = (key: string): Entry<V> | undefined => overlay.get(key) ?? fresh.get(key) ?? writing.get(key)
  const pendingKeys = (): Set<string> => new Set([...writing.keys(), ...fresh.keys(), ...overlay.keys()])
  const get = (key: string): V | undefined => {
    const entry = pending(key)
    if (entry !== undefined) return entry === absent ? undefined : entry
    return cache.get(key) ?? load(key)
  }
  const isCommitted = (key: string): boolean => {
    const entry = fresh.get(key) ?? writing.get(key)
    if (entry !== undefined) return entry !== absent
    return cache.get(key) !== undefined || (!missed.has(key) && db.doesExist(key))
  }
  const change = (key: string, entry: Entry<V>): number => (entry === absent ? 0 : 1) - (isCommitted(key) ? 1 : 0)
  const put = (key: string, value: V): number => {
    const bytes = codec.encode(value)
    heard(db.put(key, isLong(key) ? withKey(key, bytes) : bytes))
    return bytes.length
  }

  return {
    get,
    set: (key, value) => void overlay.set(key, value),
    delete: key => void overlay.set(key, absent),
    *range(from, to) {
      const start = storedKey(from)
      const end = storedKey(to)
      if (start.compare(end) >= 0) return
      const inMemory = [...pendingKeys()]
        .map(key => ({ key, stored: storedKey(key) }))
        .filter(({ stored }) => stored.compare(start) >= 0 && stored.compare(end) < 0)
        .sort((a, b) => a.stored.compare(b.stored))
      const onDisk = db.getRange({ start, end })[Symbol.iterator]() as Iterator<{ key: Buffer; value: Buffer }>
      let disk = onDisk.next()
      for (let at = 0; at < inMemory.length || !disk.done; ) {
        const order = disk.done ? -1 : at === inMemory.length ? 1 : inMemory[at].stored.compare(disk.value.key)
        const key = order <= 0 ? inMemory[at].key : wholeKey(disk.value.key, disk.value.value)
        const value = order <= 0 ? get(key) : decode(key, disk.value.value)
        if (order <= 0) at++
        if (order >= 0) disk = onDisk.next()
        if (value !== undefined) yield [key, value] as const
      }
    },
    get size() {
      let size = committed
      for (const [key, entry] of overlay) size += change(key, entry)
      return size
    },
    commit() {
      for (const [key, entry] of overlay) {
        committed += change(key, entry)
        fresh.set(key, entry)
      }
      overlay = new Map()
      missed = new Set()
    },
    discard() {
      overlay = new Map()
      missed = new Set()
    },
    get freshBytes() {
      return fresh.size * (meanBytes + ENTRY_BYTES)
    },
    write() {
      writing = fresh
      fresh = new Map()
      let bytes = 0
      let puts = 0
      for (const [key, entry] of writing) {
        if (entry === absent) heard(db.remove(key))
        else {
          bytes += put(key, entry)
          puts++
        }
      }
      if (puts > 0) meanBytes = bytes / puts
    },
    written() {
      for (const [key, entry] of writing) {
        if (entry !== absent) cache.put(key, entry, meanBytes + ENTRY_BYTES)
        else cache.remove(key)
      }
      writing = new Map()
    },
  }
}
