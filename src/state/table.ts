/**
 * Tables: the stages' local state, a cache of what the log holds. A step writes to an overlay; the task commits it only
 * after the chain accepted the step, so a table is never newer than the chain. Values are replaced, never mutated.
 * An overlay is a new map each time and is never cleared: V8 links the storage of a map that was cleared to what takes its
 * place, so one piece that got old keeps all later ones, with all that was in them, until the whole heap is looked through.
 * This implementation keeps everything on the heap; one on disk fits the same interface.
 */
import type { StageState } from '../stage.ts'

export interface Table<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
  /** Entries with from <= key < to in key order, which is that of code points; the overlay included. */
  range(from: string, to: string): Iterable<readonly [string, V]>
  readonly size: number
  /** Of a table that is kept as bytes. */
  readonly bytes?: number
  /** Gives what was set its lasting form before it is committed: until the log has the step it waits as that. */
  seal?(): void
  commit(): void
  discard(): void
}

/** A stage's tables with what makes a state of them: in memory, or on disk (disk.ts).
 * @typeParam R rows by table */
export type Store<R> = StageState & {
  readonly tables: { readonly [K in keyof R]: Table<R[K]> }
  discard(): void
  /** The step is over, what it changed may take its lasting form. */
  seal?(): void
}

/** How a table on disk or of bytes (packed/) lays out its values. Decoded, a value may point into `bytes`. */
export interface Codec<V> {
  /** All but the fixed part. */
  encode(value: V): Buffer
  /** As `encode`, into a buffer that the next call uses again. */
  layOut?(value: V): Buffer
  /** @param part as `fixed.decode` gave it */
  decode(bytes: Buffer, part?: object): V
  /** A large part that all versions of a value have in common: written once, in the order of arrival. */
  readonly fixed?: FixedPart<V>
  /** Keys come in no order and rows are small: they are held back until many share a page (memtable.ts). */
  readonly scattered?: boolean
  /** Most keys that are looked for are new: those are not looked for on disk (presence.ts). */
  readonly filtered?: boolean
}

export interface FixedPart<V> {
  /** The same object for all versions. */
  of(value: V): object
  encode(value: V): Buffer
  decode(bytes: Buffer): object
}

/** Behind every key. */
export const LAST_KEY = '\u{10ffff}'

const absent = Symbol('absent')

/** By code points, as UTF-8 on disk has it; `<` goes by UTF-16 units, which sorts U+FFFD after an emoji. */
export function compareKeys(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const [ofA, ofB] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (ofA !== ofB) return isSurrogate(ofA) === isSurrogate(ofB) ? ofA - ofB : isSurrogate(ofA) ? 1 : -1
  }
  return a.length - b.length
}
const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff

export function memoryTable<V>(): Table<V> {
  const base = new Map<string, V>()
  let overlay = new Map<string, V | typeof absent>()
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
      const within = (key: string): boolean => compareKeys(key, from) >= 0 && compareKeys(key, to) < 0
      for (const key of base.keys()) if (within(key)) keys.add(key)
      for (const key of overlay.keys()) if (within(key)) keys.add(key)
      for (const key of [...keys].sort(compareKeys)) {
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
      overlay = new Map()
    },
    discard() {
      overlay = new Map()
    },
  }
}

/** Commits or discards several tables as one state. */
export const asState = <T extends Record<string, Table<unknown>>>(tables: T) => ({
  ...tables,
  seal() {
    for (const table of Object.values(tables)) table.seal?.()
  },
  commit() {
    for (const table of Object.values(tables)) table.commit()
  },
  discard() {
    for (const table of Object.values(tables)) table.discard()
  },
  bytes: () => Object.values(tables).reduce((sum, table) => sum + (table.bytes ?? 0), 0),
})
