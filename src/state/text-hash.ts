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
