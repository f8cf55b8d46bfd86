/** Lists of ids. A request may name a thousand candidates, and a `Set` of them takes as long as all else that is checked of it. */
import { hashesOf, placeOf } from '../state/text-hash.ts'

const LEAST_SLOTS = 64
/** For one list at a time. */
let room = new Int32Array(2 * LEAST_SLOTS)

/** Whether one of them is there twice. */
export function namesTwice(ids: readonly string[]): boolean {
  const hashes = hashesOf(ids)
  let size = 2 * LEAST_SLOTS
  while (size < 4 * ids.length) size *= 2
  if (room.length < size) room = new Int32Array(size)
  const slots = room.subarray(0, size).fill(0)
  for (let i = 0; i < hashes.length; i++) {
    const at = placeOf(slots, ids, ids[i], hashes[i])
    if (slots[at + 1] !== 0) return true
    slots[at] = hashes[i]
    slots[at + 1] = i + 1
  }
  return false
}

/** NUL parts the ids in the tables' keys. */
export const holdNul = (ids: readonly string[]): boolean => ids.some(id => id.includes('\0'))
