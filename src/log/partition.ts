/**
 * The partition of a key, as Kafka's Java client chooses it: murmur2 with seed 0x9747b28c over the UTF-8 bytes, its sign
 * bit dropped, modulo the partition count. Producers of other languages often use another hash; what they write into
 * co-partitioned topics directly lands in the wrong place, which intake exists to prevent.
 */
import { FeedloopError } from '../errors.ts'

const M = 0x5bd1e995
const SEED = 0x9747b28c

/** MurmurHash2, 32 bits, of `bytes` (Appleby 2008, as in org.apache.kafka.common.utils.Utils.murmur2); signed. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes
  const whole = length & ~3
  let h = SEED ^ length
  for (let i = 0; i < whole; i += 4) {
    let k = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24)
    k = Math.imul(k, M)
    k = Math.imul(k ^ (k >>> 24), M)
    h = Math.imul(h, M) ^ k
  }
  const left = length - whole
  if (left === 3) h ^= bytes[whole + 2] << 16
  if (left >= 2) h ^= bytes[whole + 1] << 8
  if (left >= 1) h = Math.imul(h ^ bytes[whole], M)
  h = Math.imul(h ^ (h >>> 13), M)
  return h ^ (h >>> 15)
}

/** The partition, 0 … `count`-1, of a record with this key in a topic of `count` partitions. */
export const partitionFor = (key: string, count: number): number => (murmur2(Buffer.from(key)) & 0x7fffffff) % count

/** @throws FeedloopError WRONG_PARTITION unless `key` belongs in `partition` of `count`: every other stage would look for
 * it elsewhere */
export function assertPartition(key: string, partition: number, count: number): void {
  const right = partitionFor(key, count)
  if (right === partition) return
  throw new FeedloopError('WRONG_PARTITION', `${key} belongs in partition ${right} of ${count}, not ${partition}`)
}
