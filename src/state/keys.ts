/**
 * Table keys as lmdb stores them: UTF-8, so that the order on disk is that of the code points. lmdb takes 1,978 bytes at
 * most and no empty one, and ids are as people make them: one byte stands before each, and a long key is stored as its
 * first kilobyte and a hash of the whole, and the whole stands before the value. Long keys that agree in that kilobyte
 * are in no particular order.
 */
import { createHash } from 'node:crypto'

const PLAIN = 1023
const PREFIX = 1024
const HASHED = 1 + PREFIX + 32
/** Bytes of a stored key at most. */
export const LONGEST = HASHED
const FIRST = Buffer.from([1])

/** What lmdb's binding wants of a key encoder. Keys are never read back as strings in here (`Buffer`, see `wholeKey`). */
export const keyEncoder = {
  writeKey(key: string | Buffer, target: Buffer, position: number): number {
    if (typeof key !== 'string') return position + key.copy(target, position)
    if (key.length <= PLAIN / 3) {
      target[position] = FIRST[0]
      return position + 1 + target.write(key, position + 1)
    }
    return position + storedKey(key).copy(target, position)
  },
  readKey: (source: Buffer, start: number, end: number): Buffer => Buffer.from(source.subarray(start, end)),
}

/** True when the key does not fit as it is. */
export const isLong = (key: string): boolean => key.length > PLAIN / 3 && Buffer.byteLength(key) > PLAIN

export function storedKey(key: string): Buffer {
  const bytes = Buffer.from(key)
  if (bytes.length <= PLAIN) return Buffer.concat([FIRST, bytes])
  return Buffer.concat([FIRST, bytes.subarray(0, PREFIX), createHash('sha256').update(bytes).digest()])
}

/** A value with its key before it. */
export function withKey(key: string, value: Buffer): Buffer {
  const bytes = Buffer.from(key)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([length, bytes, value])
}

/** The value of a long key, apart from the key. */
export const withoutKey = (bytes: Buffer): Buffer => bytes.subarray(4 + bytes.readUInt32LE(0))

/** The key of an entry as it is on disk. */
export const wholeKey = (stored: Buffer, value: Buffer): string =>
  stored.length === HASHED ? value.toString('utf8', 4, 4 + value.readUInt32LE(0)) : stored.toString('utf8', 1)
