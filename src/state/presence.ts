/**
 * Which keys a table on disk may have. Most keys that a stage looks for are new, and a look for what is not there walks
 * down the whole tree; a filter answers it from memory. The filter is not kept on disk: it is made from the keys there, some
 * with each transaction, and until it is whole every key may be there. It is made anew where it has grown full, of what was
 * added or of what is gone since, and the old one serves meanwhile.
 */
import type { Bytes } from './disk-table.ts'
import { createFilter, type Filter } from './filter.ts'
import { keyEncoder, LONGEST } from './keys.ts'
import { hashOfBytes } from './packed/hash.ts'

export interface Presence {
  /** False: it is not there. */
  mayHave(key: string): boolean
  /** It is there from now on. */
  add(key: string): void
  /** Looks at some more keys where a filter is being made. To be called when a transaction is over. */
  advance(): void
}

export interface PresenceOptions {
  readonly db: Bytes
  /** Entries, on disk or not yet. */
  readonly size: () => number
  /** Keys that are not on disk yet. */
  readonly pending: () => Iterable<string>
}

/** Keys of a new table's filter. */
const FEWEST = 1 << 16
/** Keys looked at with a transaction: more than it adds. */
const AT_ONCE = 8192

export function createPresence({ db, size, pending }: PresenceOptions): Presence {
  let current: Filter | undefined
  /** `from`: the last key that was looked at. */
  let making: { readonly filter: Filter; from: Buffer } | undefined
  const bytes = Buffer.alloc(LONGEST)
  const hashOf = (key: string): number => hashOfBytes(bytes, keyEncoder.writeKey(key, bytes, 0))

  const begin = (): void => {
    making = { filter: createFilter(Math.max(FEWEST, 2 * size())), from: Buffer.alloc(0) }
    for (const key of pending()) making.filter.add(hashOf(key))
  }
  const look = (): void => {
    const { filter, from } = making!
    let last = from
    let looked = 0
    for (const key of db.getKeys({ start: from, limit: AT_ONCE }) as Iterable<unknown> as Iterable<Buffer>) {
      filter.add(hashOfBytes(key, key.length))
      last = key
      looked++
    }
    making!.from = last
    if (looked === AT_ONCE) return
    current = filter
    making = undefined
  }
  return {
    mayHave: key => current === undefined || current.mayHave(hashOf(key)),
    add(key) {
      if (current === undefined && making === undefined) return
      const hash = hashOf(key)
      current?.add(hash)
      making?.filter.add(hash)
    },
    advance() {
      if (making === undefined && (current === undefined || current.added > current.capacity)) begin()
      if (making !== undefined) look()
    },
  }
}
