/**
 * Rows by item id: a decision over a thousand items looks up a thousand strings that were just read from bytes. A `Map` takes
 * twice to five times as long for each (it compares them in the runtime, and what it reads of an entry is all over the heap): open
 * addressing with linear probes (Knuth, TAOCP 3, 6.4), and a slot holds the hash beside the row, so that a string is only compared when it is the
 * one, next to always. Rows are never taken out.
 */
import { hashesOf, hashOfText, placeOf } from '../state/text-hash.ts'
import { createRowLines } from './row-lines.ts'

export interface RowIndex {
  /** -1: there is none. */
  find(itemId: string): number
  /** Of many, in passes over all of them. */
  findAll(itemIds: readonly string[]): Int32Array
  /** Its row, a new one (the next number) where there was none. */
  put(itemId: string): number
  readonly size: number
}

const LEAST_SLOTS = 64
/** Share of the slots that may be taken: what is larger finds later, what is smaller fits into the cache less well. */
const FULL = 0.7

/** Of two int32 each: the hash, and the row plus 1; 0 is empty. */
const emptySlots = (count: number): Int32Array => new Int32Array(2 * count)

/** @param lines in which ids are known without reading them @param hashOf int32 of an id; for tests, in which ids must collide */
export function createRowIndex(lines = createRowLines(), hashOf = hashOfText): RowIndex {
  const ids: string[] = []
  let slots = emptySlots(LEAST_SLOTS)

  /** Rows of the slots in which the search begins: of short passes over all the processor waits for many slots, and names, at a time. Most are the ones. */
  const guess = (hashes: Int32Array): Int32Array => {
    const last = slots.length - 2
    const rows = new Int32Array(hashes.length)
    for (let i = 0; i < rows.length; i++) rows[i] = slots[((2 * hashes[i]) & last) + 1] - 1
    for (let i = 0; i < rows.length; i++) if (slots[(2 * hashes[i]) & last] !== hashes[i]) rows[i] = next(hashes[i])
    return rows
  }
  /** The first row with that hash, nearly always the one that is looked for; -1: there is none. */
  const next = (hash: number): number => {
    const last = slots.length - 2
    let at = (2 * hash) & last
    while (slots[at + 1] !== 0 && slots[at] !== hash) at = (at + 2) & last
    return slots[at + 1] - 1
  }
  const placed = (itemId: string, hash: number): number => slots[placeOf(slots, ids, itemId, hash) + 1] - 1
  /** @param row that was guessed; -1: none has the hash */
  const exactly = (row: number, itemId: string, hash: number): number =>
    row < 0 || ids[row] === itemId ? row : placed(itemId, hash)
  const grow = (): void => {
    const before = slots
    slots = emptySlots(before.length)
    for (let from = 0; from < before.length; from += 2) {
      if (before[from + 1] === 0) continue
      const last = slots.length - 2
      let at = (2 * before[from]) & last
      while (slots[at + 1] !== 0) at = (at + 2) & last
      slots[at] = before[from]
      slots[at + 1] = before[from + 1]
    }
  }
  return {
    find: itemId => placed(itemId, hashOf(itemId)),
    findAll(itemIds) {
      const hashes = hashOf === hashOfText ? hashesOf(itemIds) : Int32Array.from(itemIds, hashOf)
      const rows = guess(hashes)
      // by itself and short, so that the processor waits for many lines at a time
      let asLong = 0
      for (let i = 0; i < rows.length; i++) if (lines.isAsLong(rows[i], itemIds[i])) asLong++
      for (let i = 0; i < rows.length; i++) {
        const isAsLong = asLong === rows.length || lines.isAsLong(rows[i], itemIds[i])
        if (!(isAsLong && lines.isNamed(rows[i], itemIds[i]))) rows[i] = exactly(rows[i], itemIds[i], hashes[i])
      }
      return rows
    },
    put(itemId) {
      const hash = hashOf(itemId)
      const at = placeOf(slots, ids, itemId, hash)
      if (slots[at + 1] !== 0) return slots[at + 1] - 1
      const row = ids.push(itemId) - 1
      lines.push(itemId)
      slots[at] = hash
      slots[at + 1] = row + 1
      if (ids.length > FULL * (slots.length / 2)) grow()
      return row
    },
    get size() {
      return ids.length
    },
  }
}
