/**
 * One table on disk. A value is looked for where it is newest: the step's overlay, what is committed but not yet written
 * (`fresh`), what is being written (`writing`), the cache, the rows that wait to be merged, the disk. Only the disk's
 * thread writes to the disk, and only the store (disk.ts) says when, for all tables at once.
 */
import type { Database } from 'lmdb'
import { createCache, type Pool } from './cache.ts'
import { isLong, storedKey, wholeKey, withKey, withoutKey } from './keys.ts'
import type { Parts } from './parts.ts'
import { createPresence } from './presence.ts'
import type { Codec, Table } from './table.ts'

export interface DiskTable<V> extends Table<V> {
  /** About how many bytes were committed and are not being written yet. */
  readonly freshBytes: number
  /** Entries without the overlay. */
  readonly committed: number
  /** Queues what is fresh for the transaction being put together, or lets it wait. */
  write(): void
  /** Queues rows that waited. */
  merge(rows: Iterable<readonly [key: string, row: Buffer | null]>): void
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
  /** Entries on disk and waiting. */
  readonly size: number
  /** Where rows wait; absent: nowhere. */
  readonly waiting?: Waiting
  /** Fixed parts, where the codec knows any. */
  readonly parts?: Parts<V>
}

export interface Waiting {
  /** Null: deleted; undefined: the disk says. */
  get(key: string): Buffer | null | undefined
  keys(): Iterable<string>
  put(key: string, row: Buffer | null): void
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

export function diskTable<V>({ db, codec, pool, size, waiting, parts }: DiskTableOptions<V>): DiskTable<V> {
  let overlay = new Map<string, Entry<V>>()
  let fresh = new Map<string, Entry<V>>()
  let writing = new Map<string, Entry<V>>()
  /** Keys that the step looked for and that were nowhere but in its overlay. */
  let missed = new Set<string>()
  /** Keys whose fixed part on disk, if there is any, is not theirs any more. */
  let parted = new Set<string>()
  let committed = size
  let meanBytes = 500
  const cache = createCache<V>(pool, () => meanBytes + ENTRY_BYTES)

  const rowOf = (key: string): Buffer | undefined => {
    const row = waiting?.get(key)
    if (row !== undefined) return row ?? undefined
    const bytes = db.getBinary(key)
    return bytes && isLong(key) ? withoutKey(bytes) : bytes
  }
  const decode = (row: Buffer): V => (parts ? parts.decode(row) : codec.decode(row))
  const load = (key: string): V | undefined => {
    const row = rowOf(key)
    if (row === undefined) {
      missed.add(key)
      return undefined
    }
    const value = decode(row)
    cache.put(key, value, (parts ? meanBytes : row.length) + ENTRY_BYTES)
    return value
  }
  const pending = (key: string): Entry<V> | undefined => overlay.get(key) ?? fresh.get(key) ?? writing.get(key)
  const pendingKeys = (): Set<string> =>
    new Set([...(waiting?.keys() ?? []), ...writing.keys(), ...fresh.keys(), ...overlay.keys()])
  const presence = codec.filtered && createPresence({ db, size: () => committed, pending: pendingKeys })
  const get = (key: string): V | undefined => {
    const changed = overlay.get(key)
    if (changed !== undefined) return changed === absent ? undefined : changed
    // some tables are empty nearly always
    if (committed === 0) return undefined
    if (presence && !presence.mayHave(key)) {
      missed.add(key)
      return undefined
    }
    const entry = fresh.get(key) ?? writing.get(key)
    if (entry !== undefined) return entry === absent ? undefined : entry
    return cache.get(key) ?? load(key)
  }
  const isCommitted = (key: string): boolean => {
    if (missed.has(key)) return false
    const entry = fresh.get(key) ?? writing.get(key)
    if (entry !== undefined) return entry !== absent
    if (cache.get(key) !== undefined) return true
    const row = waiting?.get(key)
    return row === undefined ? db.doesExist(key) : row !== null
  }
  const change = (key: string, entry: Entry<V>): number => (entry === absent ? 0 : 1) - (isCommitted(key) ? 1 : 0)
  const putRow = (key: string, row: Buffer | null): void => {
    if (row === null) heard(db.remove(key))
    else heard(db.put(key, isLong(key) ? withKey(key, row) : row))
  }
  const write = waiting ? waiting.put : putRow
  /** Its bytes. */
  const put = (key: string, value: V): number => {
    if (parts) {
      const { row, bytes } = parts.put(value)
      write(key, row)
      return bytes
    }
    const row = codec.encode(value)
    write(key, row)
    return row.length
  }
  const isParted = (key: string, entry: Entry<V>, wasThere: boolean): boolean =>
    entry === absent || ((wasThere || pending(key) === absent) && !parts!.has(entry))

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
        const value = order <= 0 ? get(key) : decode(isLong(key) ? withoutKey(disk.value.value) : disk.value.value)
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
    get committed() {
      return committed
    },
    commit() {
      for (const [key, entry] of overlay) {
        const by = change(key, entry)
        committed += by
        if (presence && by > 0) presence.add(key)
        if (parts && isParted(key, entry, by === 0)) parted.add(key)
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
      for (const key of parted) parts!.remove(rowOf(key))
      parted = new Set()
      for (const [key, entry] of writing) {
        if (entry === absent) write(key, null)
        else {
          bytes += put(key, entry)
          puts++
        }
      }
      if (puts > 0) meanBytes = bytes / puts
    },
    merge(rows) {
      for (const [key, row] of rows) putRow(key, row)
    },
    written() {
      for (const [key, entry] of writing) {
        if (entry !== absent) cache.put(key, entry, meanBytes + ENTRY_BYTES)
        else cache.remove(key)
      }
      writing = new Map()
      if (presence) presence.advance()
    },
  }
}
