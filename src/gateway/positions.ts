/**
 * Numbers by number, in two typed arrays: what a gateway remembers of each decision is its seed (53 bits of a hash of its
 * id, which the record carries) and its offset, millions of them, and a Map of as many boxed numbers is three times the
 * memory and work for the collector. Open addressing with linear probing (Knuth, TAOCP 6.4), at most half full.
 */
export interface Positions {
  /** -1: not there. */
  get(key: number): number
  set(key: number, value: number): void
  readonly bytes: number
}

const FIRST = 64

/** Keys are integers in [0, 2^53); stored plus one, since 0 marks a free place. */
export function createPositions(): Positions {
  let keys = new Float64Array(FIRST)
  let values = new Float64Array(FIRST)
  let count = 0
  const placeOf = (stored: number): number => {
    const mask = keys.length - 1
    let at = (stored >>> 0) & mask
    while (keys[at] !== 0 && keys[at] !== stored) at = (at + 1) & mask
    return at
  }
  const grow = (): void => {
    const [oldKeys, oldValues] = [keys, values]
    keys = new Float64Array(2 * oldKeys.length)
    values = new Float64Array(keys.length)
    for (let i = 0; i < oldKeys.length; i++) {
      if (oldKeys[i] === 0) continue
      const at = placeOf(oldKeys[i])
      keys[at] = oldKeys[i]
      values[at] = oldValues[i]
    }
  }
  return {
    get(key) {
      const at = placeOf(key + 1)
      return keys[at] === 0 ? -1 : values[at]
    },
    set(key, value) {
      if (2 * (count + 1) > keys.length) grow()
      const at = placeOf(key + 1)
      if (keys[at] === 0) count++
      keys[at] = key + 1
      values[at] = value
    },
    get bytes() {
      return keys.byteLength + values.byteLength
    },
  }
}
