/**
 * How many of the 2³² values of a draw's bits u, (u + ½) / 2³² = Φ(z), are below a z: read from a table, since a decision asks for a thousand.
 * What is between two entries counts as the lower one.
 */
import { normalQuantile } from '../../state/normal.ts'

export const BITS = 2 ** 32
/** Entries a unit of z; they end where bits do. */
const STEPS = 256
const BELOW = tableOf(Math.ceil(STEPS * quantileOf(BITS - 1)))

/** Φ⁻¹ at the bits. */
export function quantileOf(bits: number): number {
  return normalQuantile((bits + 0.5) / BITS)
}

/** Each of so many bits is of a draw below z; a little fewer than there are, never more. @param z 0 or more */
export const bitsBelow = (z: number): number => BELOW[Math.min(BELOW.length - 1, Math.floor(STEPS * z))]

function tableOf(last: number): Uint32Array {
  const table = new Uint32Array(last + 1)
  for (let i = 0, low = BITS / 2; i <= last; i++) {
    // the least bits that are not below, by halves: never above the last ones, so that they stand in 32 bits
    let high = BITS - 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (quantileOf(middle) < i / STEPS) low = middle + 1
      else high = middle
    }
    table[i] = low
  }
  return table
}
