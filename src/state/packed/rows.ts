/** Rows by key as bytes outside of the heap, all let go of together. */
import { createEntries } from './entries.ts'
import { hashOf } from './hash.ts'
import { createPlaceIndex } from './index.ts'

export interface Rows extends Iterable<readonly [key: string, row: Buffer]> {
  readonly size: number
  get(key: string): Buffer | undefined
  /** Copies the row. */
  set(key: string, row: Buffer): void
}

export function createRows(): Rows {
  const entries = createEntries()
  const index = createPlaceIndex()
  const placeOf = (hash: number, key: string) => index.find(hash, place => entries.keyIs(place, key))
  return {
    get size() {
      return index.size
    },
    get(key) {
      const place = placeOf(hashOf(key), key)
      return place === 0 ? undefined : entries.value(place)
    },
    set(key, row) {
      const hash = hashOf(key)
      const before = placeOf(hash, key)
      const place = entries.write(hash, key, row)
      if (before === 0) index.add(hash, place)
      else index.move(hash, before, place)
    },
    *[Symbol.iterator]() {
      for (const place of index.places()) yield [entries.key(place), entries.value(place)] as const
    },
  }
}
