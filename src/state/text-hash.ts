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

export interface Hashes {
  /** Of each. */
  readonly all: Int32Array
  /** NUL is in one of them. */
  readonly seenNul: boolean
}

/** A request's candidates are checked, and then looked up. */
let last: { readonly texts: readonly string[]; readonly hashes: Hashes } | undefined

/** Of many in one pass: to read the units of a thousand texts takes longer than what is done with the hashes. @param texts of a record: they stay what they are */
export function hashesOf(texts: readonly string[]): Hashes {
  if (last?.texts !== texts) last = { texts, hashes: hashAll(texts) }
  return last.hashes
}

function hashAll(texts: readonly string[]): Hashes {
  const all = new Int32Array(texts.length)
  let seenNul = false
  for (let k = 0; k < all.length; k++) {
    const text = texts[k]
    let hash = BASIS
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit === 0) seenNul = true
      hash = Math.imul(hash ^ unit, 0x01000193)
    }
    all[k] = hash ^ (hash >>> 15)
  }
  return { all, seenNul }
}
