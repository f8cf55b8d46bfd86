/** Lists of ids. A request may name a thousand candidates, and a `Set` of them takes as long as all else that is checked of it. */
import { hashesOf } from '../state/text-hash.ts'

const LEAST_SLOTS = 64
/** Of two int32 each: an id's hash, and its place plus 1; 0 is empty. For one list at a time. */
let slots = new Int32Array(2 * LEAST_SLOTS)

/** Whether one of them is there twice. Open addressing with linear probes (Knuth, TAOCP 3, 6.4). */
export function namesTwice(ids: readonly string[]): boolean {
  const hashes = hashesOf(ids).all
  let size = 2 * LEAST_SLOTS
  while (size < 4 * ids.length) size *= 2
  if (slots.length < size) slots = new Int32Array(size)
  else slots.fill(0, 0, size)
  const last = size - 2
  for (let i = 0; i < hashes.length; i++) {
    let at = (2 * hashes[i]) & last
    for (; slots[at + 1] !== 0; at = (at + 2) & last)
      if (slots[at] === hashes[i] && ids[slots[at + 1] - 1] === ids[i]) return true
    slots[at] = hashes[i]
    slots[at + 1] = i + 1
  }
  return false
}

/** NUL parts the ids in the tables' keys. */
export const holdNul = (ids: readonly string[]): boolean => hashesOf(ids).seenNul
