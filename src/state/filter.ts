/**
 * What is not in a set, most of the time: a split block Bloom filter (Putze, Sanders and Singler, "Cache-, hash- and
 * space-efficient Bloom filters", 2007; the layout is that of Apache Parquet). Each key sets one bit in each of the eight
 * words of one block, so a look touches one line of the processor's cache. Nothing can be taken out.
 */
export interface Filter {
  /** Keys that it is made for: about one in 200 of those that are not there is taken to be; fewer while it is not full. */
  readonly capacity: number
  /** Keys that were added, those added again included. */
  readonly added: number
  /** @param hash 32 bits, all of them good */
  add(hash: number): void
  mayHave(hash: number): boolean
}

const WORDS = 8
const BITS_PER_KEY = 12
const SALTS = [0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31] as const

export function createFilter(capacity: number): Filter {
  const blocks = Math.ceil((capacity * BITS_PER_KEY) / (32 * WORDS))
  const words = new Int32Array(WORDS * blocks)
  let added = 0
  const blockOf = (hash: number): number => WORDS * Math.floor(((hash >>> 0) / 2 ** 32) * blocks)
  /** Not the bits that chose the block. */
  const bitsOf = (hash: number): number => Math.imul(hash, 0x9e3779b1) ^ (hash >>> 15)
  const bit = (bits: number, word: number): number => 1 << (Math.imul(bits, SALTS[word]) >>> 27)
  return {
    capacity,
    get added() {
      return added
    },
    add(hash) {
      const [block, bits] = [blockOf(hash), bitsOf(hash)]
      for (let word = 0; word < WORDS; word++) words[block + word] |= bit(bits, word)
      added++
    },
    mayHave(hash) {
      const [block, bits] = [blockOf(hash), bitsOf(hash)]
      for (let word = 0; word < WORDS; word++) if ((words[block + word] & bit(bits, word)) === 0) return false
      return true
    },
  }
}
