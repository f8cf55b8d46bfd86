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

export function createRandom(seed: number): Random {
  const state = seeded(seed)
  const bits = new Uint32Array(AT_ONCE)
  let used = AT_ONCE
  const uniform = (): number => {
    if (used === AT_ONCE) {
      advance(state, bits)
      used = 0
    }
    return bits[used++] / 4294967296
  }
  const spare = new Float64Array([Number.NaN])
  return {
    uniform,
    normal() {
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

function seeded(seed: number): Int32Array {
  const state = new Int32Array(4)
  state[0] = seed >>> 0
  state[1] = Math.floor(seed / 4294967296) >>> 0
  state[2] = 0x9e3779b9
  state[3] = 1
  advance(state, new Uint32Array(12))
  return state
}

/** The next values of sfc32. */
function advance(state: Int32Array, out: Uint32Array): void {
  let a = state[0]
  let b = state[1]
  let c = state[2]
  let counter = state[3]
  for (let i = 0; i < out.length; i++) {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + t) | 0
    out[i] = t
  }
  state[0] = a
  state[1] = b
  state[2] = c
  state[3] = counter
}
