/**
 * A table in memory whose committed values are bytes outside of the heap. A million open joins as objects are a third of
 * the joiner's CPU, for the collector copies each twice and looks through all of them again and again; as bytes they are
 * a few thousand buffers. Values are made anew for each `get`, so what is read often belongs elsewhere (memoryTable).
 */
import { type Codec, compareKeys, type Table } from '../table.ts'
import { createEntries } from './entries.ts'
import { hashOf } from './hash.ts'
import { createPlaceIndex, type Place } from './index.ts'

const absent = Symbol('absent')

export function packedTable<V>(codec: Codec<V>): Table<V> {
  let overlay = new Map<string, V | typeof absent>()
  /** Sealed entries of the overlay; 0: absent. */
  let sealed = new Map<string, Place>()
  const entries = createEntries()
  const index = createPlaceIndex()

  const { layOut = codec.encode } = codec
  const committed = (hash: number, key: string): Place => index.find(hash, place => entries.keyIs(place, key))
  const get = (key: string): V | undefined => {
    const fresh = overlay.get(key)
    if (fresh !== undefined) return fresh === absent ? undefined : fresh
    const place = sealed.get(key) ?? committed(hashOf(key), key)
    return place === 0 ? undefined : codec.decode(entries.value(place))
  }
  const seal = (): void => {
    for (const [key, value] of overlay) {
      const before = sealed.get(key)
      if (before) entries.drop(before)
      sealed.set(key, value === absent ? 0 : entries.write(hashOf(key), key, layOut(value)))
    }
    overlay = new Map()
  }
  const replace = (key: string, place: Place): void => {
    const hash = place === 0 ? hashOf(key) : entries.hash(place)
    const before = committed(hash, key)
    if (before !== 0) entries.drop(before)
    if (before !== 0 && place !== 0) index.move(hash, before, place)
    else if (before !== 0) index.remove(hash, before)
    else if (place !== 0) index.add(hash, place)
  }
  const changedKeys = (): Set<string> => new Set([...sealed.keys(), ...overlay.keys()])
  const has = (key: string): boolean => {
    const fresh = overlay.get(key)
    return fresh === undefined ? (sealed.get(key) ?? committed(hashOf(key), key)) !== 0 : fresh !== absent
  }
  return {
    get,
    set: (key, value) => void overlay.set(key, value),
    delete: key => void overlay.set(key, absent),
    *range(from, to) {
      const keys = changedKeys()
      for (const place of index.places()) keys.add(entries.key(place))
      const within = [...keys].filter(key => compareKeys(key, from) >= 0 && compareKeys(key, to) < 0)
      for (const key of within.sort(compareKeys)) {
        const value = get(key)
        if (value !== undefined) yield [key, value] as const
      }
    },
    get size() {
      let { size } = index
      for (const key of changedKeys()) size += (has(key) ? 1 : 0) - (committed(hashOf(key), key) === 0 ? 0 : 1)
      return size
    },
    get bytes() {
      return entries.bytes
    },
    seal,
    commit() {
      seal()
      for (const [key, place] of sealed) replace(key, place)
      sealed = new Map()
      entries.compact(index.has, index.move)
    },
    discard() {
      for (const place of sealed.values()) if (place !== 0) entries.drop(place)
      sealed = new Map()
      overlay = new Map()
    },
  }
}
