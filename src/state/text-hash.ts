import { randomInt } from 'node:crypto'

/** Another one in each process: who names items must not know which of them share a hash. */
const BASIS = randomInt(2 ** 32)

/** int32: FNV-1a of UTF-16 units (Fowler, Noll & Vo), from a basis of chance, the upper bits mixed into the lower, which choose a slot. For tables of this
 * process alone. */
export function hashOfText(text: string): number {
  let hash = BASIS
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}

/** A request's candidates are checked, and then looked up. */
let last: { readonly texts: readonly string[]; readonly hashes: Int32Array } | undefined

/** Of each: to read the units of a thousand texts takes longer than what is done with the hashes. @param texts of a record: they stay what they are */
export function hashesOf(texts: readonly string[]): Int32Array {
  if (last?.texts === texts) return last.hashes
  // `Int32Array.from` asks an iterator for each
  const hashes = new Int32Array(texts.length)
  for (let i = 0; i < hashes.length; i++) hashes[i] = hashOfText(texts[i])
  last = { texts, hashes }
  return hashes
}

/** Slots of two int32 each: a text's hash, and its index plus 1; 0 is empty. Open addressing with linear probes (Knuth, TAOCP 3, 6.4).
 * @returns place of the text's slot, or of the empty one where it belongs @param slots a power of two of them */
export function placeOf(slots: Int32Array, texts: readonly string[], text: string, hash: number): number {
  const mask = slots.length - 2
  let at = (2 * hash) & mask
  while (slots[at + 1] !== 0 && !(slots[at] === hash && texts[slots[at + 1] - 1] === text)) at = (at + 2) & mask
  return at
}
