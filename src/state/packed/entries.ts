/**
 * Entries as bytes, one behind the other in large buffers (segments), as in a log-structured file: what is written never
 * changes, so a value read from here may point into it. What was replaced is dead; when half of all is, the segments with
 * most of it are written anew and let go (Rosenblum and Ousterhout, "The design and implementation of a log-structured
 * file system", 1992).
 *
 *   entry: hash 4 | key units * 2 + wide 4 | value bytes 4 | key | value, from a multiple of 8 on
 */
import type { Place } from './index.ts'

export interface Entries {
  /** Of the entries, the dead ones included. */
  readonly bytes: number
  write(hash: number, key: string, value: Buffer): Place
  keyIs(place: Place, key: string): boolean
  key(place: Place): string
  hash(place: Place): number
  value(place: Place): Buffer
  /** The entry matters no more. */
  drop(place: Place): void
  /** Moves what lives out of segments that are mostly dead. @param moved told of each entry's new place */
  compact(lives: (hash: number, place: Place) => boolean, moved: (hash: number, from: Place, to: Place) => void): void
}

interface Segment {
  readonly id: number
  readonly bytes: Buffer
  readonly words: Uint32Array
  used: number
  live: number
}

/** A place is a segment's number and an offset in units of 8 bytes. */
const UNIT = 8
const OFFSET_BITS = 17
const SEGMENT_BYTES = UNIT << OFFSET_BITS
const FIRST_BYTES = 4096
const HEAD_BYTES = 12
/** Not worth a walk. */
const DEAD_AT_LEAST = 64 << 10

/** True when a byte a unit is enough. */
function isNarrow(key: string): boolean {
  let units = 0
  for (let i = 0; i < key.length; i++) units |= key.charCodeAt(i)
  return units <= 0xff
}
const roundUp = (bytes: number): number => (bytes + UNIT - 1) & -UNIT

export function createEntries(): Entries {
  const segments: (Segment | undefined)[] = [undefined]
  const free: number[] = []
  let current = open(FIRST_BYTES)
  let used = 0
  let live = 0

  function open(bytes: number): Segment {
    const id = free.pop() ?? segments.length
    const memory = new ArrayBuffer(bytes)
    const segment = { id, bytes: Buffer.from(memory), words: new Uint32Array(memory), used: 0, live: 0 }
    segments[id] = segment
    return segment
  }
  const segmentOf = (place: Place): Segment => segments[place >>> OFFSET_BITS]!
  const offsetOf = (place: Place): number => (place & ((1 << OFFSET_BITS) - 1)) * UNIT
  const keyBytes = (keyWord: number): number => (keyWord >>> 1) << (keyWord & 1)
  const bytesAt = ({ words }: Segment, at: number): number =>
    roundUp(HEAD_BYTES + keyBytes(words[at / 4 + 1]) + words[at / 4 + 2])

  /** Room for an entry: what is larger than a segment gets one of its own. */
  const room = (bytes: number): { segment: Segment; at: number; place: Place } => {
    if (current.used + bytes > current.bytes.length)
      current = open(Math.max(bytes, Math.min(SEGMENT_BYTES, 2 * current.bytes.length)))
    const at = current.used
    current.used += bytes
    current.live += bytes
    used += bytes
    live += bytes
    return { segment: current, at, place: ((current.id << OFFSET_BITS) | (at / UNIT)) >>> 0 }
  }
  const copy = (from: Segment, at: number, bytes: number): Place => {
    const to = room(bytes)
    from.bytes.copy(to.segment.bytes, to.at, at, at + bytes)
    return to.place
  }
  const deadest = (): Segment | undefined => {
    let found: Segment | undefined
    for (const each of segments)
      if (each && each !== current && each.live < each.used * (found ? found.live / found.used : 1)) found = each
    return found
  }
  return {
    get bytes() {
      return used
    },
    write(hash, key, value) {
      const wide = isNarrow(key) ? 0 : 1
      const keyWord = 2 * key.length + wide
      const { segment, at, place } = room(roundUp(HEAD_BYTES + keyBytes(keyWord) + value.length))
      const { words, bytes } = segment
      words[at / 4] = hash
      words[at / 4 + 1] = keyWord
      words[at / 4 + 2] = value.length
      if (wide) bytes.write(key, at + HEAD_BYTES, 'utf16le')
      else for (let i = 0; i < key.length; i++) bytes[at + HEAD_BYTES + i] = key.charCodeAt(i)
      value.copy(bytes, at + HEAD_BYTES + keyBytes(keyWord))
      return place
    },
    keyIs(place, key) {
      const { bytes, words } = segmentOf(place)
      const at = offsetOf(place)
      const keyWord = words[at / 4 + 1]
      if (keyWord >>> 1 !== key.length) return false
      const start = at + HEAD_BYTES
      if (keyWord & 1) return bytes.toString('utf16le', start, start + 2 * key.length) === key
      for (let i = 0; i < key.length; i++) if (bytes[start + i] !== key.charCodeAt(i)) return false
      return true
    },
    key(place) {
      const { bytes, words } = segmentOf(place)
      const at = offsetOf(place)
      const keyWord = words[at / 4 + 1]
      const start = at + HEAD_BYTES
      return bytes.toString(keyWord & 1 ? 'utf16le' : 'latin1', start, start + keyBytes(keyWord))
    },
    hash: place => segmentOf(place).words[offsetOf(place) / 4],
    value(place) {
      const { bytes, words } = segmentOf(place)
      const at = offsetOf(place)
      const start = at + HEAD_BYTES + keyBytes(words[at / 4 + 1])
      return bytes.subarray(start, start + words[at / 4 + 2])
    },
    drop(place) {
      const segment = segmentOf(place)
      const bytes = bytesAt(segment, offsetOf(place))
      segment.live -= bytes
      live -= bytes
    },
    compact(lives, moved) {
      while (used - live > Math.max(live, DEAD_AT_LEAST)) {
        const segment = deadest()
        if (!segment) return
        for (let at = 0; at < segment.used; ) {
          const bytes = bytesAt(segment, at)
          const place = ((segment.id << OFFSET_BITS) | (at / UNIT)) >>> 0
          const hash = segment.words[at / 4]
          if (lives(hash, place)) moved(hash, place, copy(segment, at, bytes))
          at += bytes
        }
        used -= segment.used
        live -= segment.live
        segments[segment.id] = undefined
        free.push(segment.id)
      }
    },
  }
}
