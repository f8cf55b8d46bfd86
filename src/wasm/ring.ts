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

/** @param bytes that it has at least @param most that it grows to; the system gives it memory as it is written */
export function createRing(own: Memory, bytes: number, most = bytes): Ring {
  /** Line of the ring's first. */
  let begin = 0
  /** Lines of the ring. */
  let size = 0
  /** Lines that were ever written. */
  let written = 0
  /** What was written before these is where nobody looks for it any more. */
  let moved = 0
  /** Since the last time round: pieces that were put, and those that had been written over when somebody looked for them. */
  let [puts, lost] = [0, 0]
  let isTooSmall = false
  let memory = new Uint8Array(own.buffer)
  const comeRound = (): void => {
    isTooSmall ||= 2 * lost > puts && 2 * LINE_BYTES * size <= most
    puts = 0
    lost = 0
  }
  return {
    hold(before, piece) {
      const [lines, least] = [linesOf(before), linesOf(piece)]
      if (lines <= begin && least <= size && !isTooSmall) return memory
      begin = Math.max(begin, lines)
      size = Math.max(isTooSmall ? 2 * size : size, least, linesOf(bytes))
      isTooSmall = false
      moved = written
      makeRoom(own, LINE_BYTES * (begin + size))
      memory = new Uint8Array(own.buffer)
      return memory
    },
    addressOf(line) {
      if (line < moved) return NOWHERE
      if (written <= line + size) return LINE_BYTES * (begin + (line % size))
      lost++
      return NOWHERE
    },
    put(bytes) {
      const lines = linesOf(bytes.length)
      const left = size - (written % size)
      puts++
      if (lines >= left) comeRound()
      // what does not fit before the ring's end begins at its start
      const line = lines <= left ? written : written + left
      written = line + lines
      const at = LINE_BYTES * (begin + (line % size))
      memory.set(bytes, at)
      memory.fill(0, at + bytes.length, at + LINE_BYTES * lines)
      return line
    },
  }
}

const linesOf = (bytes: number): number => Math.ceil(bytes / LINE_BYTES)
