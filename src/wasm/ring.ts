/**
 * Pieces of data that stay in a function's memory once they were asked for, since copying one there takes as long as what is done with
 * it: round and round in a ring, where the next are written over the oldest. Who was written over is put there again; a ring in which that
 * is why most are put gets twice as large.
 */
import { type Memory, makeRoom } from './module.ts'

/** Places in the ring are multiples of a cache line. */
const LINE_BYTES = 64

export interface Ring {
  /** Sees to room for so many bytes before the ring, and in it for a piece of so many; addresses are others where it had to.
   * @returns the memory */
  hold(before: number, piece: number): Uint8Array
  /** @param line what `put` has returned @returns -1: it was written over, or never was there */
  addressOf(line: number): number
  /** In one piece, of no more bytes than `hold` was told, and zeros up to the end of its last line. @returns what it is found by again */
  put(bytes: Uint8Array): number
}

/** What was never put. */
export const NOWHERE = -1

/** @param bytes that it has at least @param most that it grows to */
export function createRing(own: Memory, bytes: number, most = bytes): Ring {
  /** Line of the memory at which the ring begins. */
  let begin = 0
  /** Lines of the ring. */
  let size = 0
  /** Lines that it may go on to without more memory. */
  let room = 0
  /** Lines that were ever written. */
  let written = 0
  /** The first that was written since it last began at its start. */
  let first = 0
  /** What was written before these is where nobody looks for it any more. */
  let moved = 0
  /** Since it began there or grew: pieces that were put, and those that had been written over when somebody looked for them. */
  let [puts, lost] = [0, 0]
  let isRefused = false
  let memory = new Uint8Array(own.buffer)
  const isTooSmall = (): boolean =>
    !isRefused && room === size && 2 * LINE_BYTES * size <= most && 2 * lost > puts && 2 * (written - first) > size
  /** Where the system refuses the memory it stays as large as it is. */
  const grow = (): void => {
    try {
      makeRoom(own, LINE_BYTES * (begin + 2 * size))
      room = 2 * size
    } catch {
      isRefused = true
    }
  }
  /** What is there stays where it is: what is put next goes on behind it, if there is room, and over the oldest else. */
  const goOn = (): void => {
    puts = 0
    lost = 0
    if (room > size) {
      size = room
      moved = Math.max(moved, first)
      return
    }
    written = first + size
    first = written
  }
  return {
    hold(before, piece) {
      const [lines, least] = [linesOf(before), linesOf(piece)]
      const isElsewhere = lines > begin || least > size
      if (!isElsewhere && !isTooSmall()) return memory
      if (isElsewhere) {
        begin = Math.max(begin, lines)
        size = Math.max(size, least, linesOf(bytes))
        moved = written
        first = written
        room = size
        makeRoom(own, LINE_BYTES * (begin + size))
      } else grow()
      memory = new Uint8Array(own.buffer)
      return memory
    },
    addressOf(line) {
      if (line < moved) return NOWHERE
      if (written <= line + size) return LINE_BYTES * (begin + line - first + (line < first ? size : 0))
      lost++
      return NOWHERE
    },
    put(bytes) {
      const lines = linesOf(bytes.length)
      // what does not fit before the ring's end begins elsewhere
      if (written - first + lines > size) goOn()
      puts++
      const line = written
      written += lines
      const at = LINE_BYTES * (begin + line - first)
      memory.set(bytes, at)
      memory.fill(0, at + bytes.length, at + LINE_BYTES * lines)
      return line
    },
  }
}

const linesOf = (bytes: number): number => Math.ceil(bytes / LINE_BYTES)
