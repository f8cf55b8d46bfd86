/** Hashes of keys: FNV-1a, finished as murmur3 is: the low bits must be good. Another in every process, so that whoever
 * chooses ids can't choose those that meet. */
const seed = Math.floor(Math.random() * 2 ** 32)
const PRIME = 0x01000193

/** Over UTF-16 units. @returns 32 bits */
export function hashOf(key: string): number {
  let hash = seed
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), PRIME)
  return finished(hash)
}

/** Over the first bytes. @returns 32 bits */
export function hashOfBytes(bytes: Uint8Array, length: number): number {
  let hash = seed
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[i], PRIME)
  return finished(hash)
}

function finished(hash: number): number {
  const first = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2ae35)
  return (second ^ (second >>> 16)) >>> 0
}
