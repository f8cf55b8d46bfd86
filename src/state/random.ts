/**
 * Seeded randomness: the only chance that decisions may use. sfc32 (Chris Doty-Humphrey, PractRand), seeded by a hash of
 * a record id through splitmix, so that the same id gives the same choices on every machine.
 */

export interface Random {
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number
  /** Standard normal. */
  normal(): number
}

/** 53 bits of FNV-1a-style mixing (cyrb53 construction): a stable seed from any id. */
export function seedOf(id: string, salt = 0): number {
  let high = 0xdeadbeef ^ salt
  let low = 0x41c6ce57 ^ salt
  for (let i = 0; i < id.length; i++) {
    const code = id.charCodeAt(i)
    high = Math.imul(high ^ code, 2654435761)
    low = Math.imul(low ^ code, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return 4294967296 * (2097151 & low) + (high >>> 0)
}

/** Values are made so many at a time: a loop that keeps the generator's state in registers makes one in 2 ns. */
const AT_ONCE = 32
/** What a seed says little about. */
const FIRST = 12
/** After the values, in the same array: a decision makes several generators, and each array takes longer than its values. */
const STATE = AT_ONCE

export function createRandom(seed: number): Random {
  const values = seeded(seed)
  let used = AT_ONCE
  const uniform = (): number => {
    if (used === AT_ONCE) {
      advance(values, AT_ONCE)
      used = 0
    }
    return values[used++] / 4294967296
  }
  let spare: Float64Array | undefined
  return {
    uniform,
    normal() {
      spare ??= Float64Array.of(Number.NaN)
      const kept = spare[0]
      if (!Number.isNaN(kept)) {
        spare[0] = Number.NaN
        return kept
      }
      // Marsaglia's polar method: two normals from a point in the unit disc
      let u: number
      let v: number
      let s: number
      do {
        u = 2 * uniform() - 1
        v = 2 * uniform() - 1
        s = u * u + v * v
      } while (s >= 1 || s === 0)
      const scale = Math.sqrt((-2 * Math.log(s)) / s)
      spare[0] = v * scale
      return u * scale
    },
  }
}

function seeded(seed: number): Uint32Array {
  const values = new Uint32Array(AT_ONCE + 4)
  values[STATE] = seed >>> 0
  values[STATE + 1] = Math.floor(seed / 4294967296) >>> 0
  values[STATE + 2] = 0x9e3779b9
  values[STATE + 3] = 1
  advance(values, FIRST)
  return values
}

/** The next values of sfc32, so many. */
function advance(values: Uint32Array, count: number): void {
  let a = values[STATE] | 0
  let b = values[STATE + 1] | 0
  let c = values[STATE + 2] | 0
  let counter = values[STATE + 3] | 0
  for (let i = 0; i < count; i++) {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + t) | 0
    values[i] = t
  }
  values[STATE] = a
  values[STATE + 1] = b
  values[STATE + 2] = c
  values[STATE + 3] = counter
}
