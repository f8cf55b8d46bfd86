/**
 * What a decision asks of each of a thousand items, side by side in 32 bytes a row: its id, so that no text is read to know that it is the one, whether it is
 * available, its version and its stamp (store.ts). A decision over a large catalogue waits for memory. Of an id that is longer than 14, or not ASCII, the text is read.
 */

export interface RowLines {
  /** Of the next row. */
  push(itemId: string): void
  /** False where its id is of another length or does not stand here, and for row -1. */
  isAsLong(row: number, text: string): boolean
  /** @param text as long as the row's id */
  isNamed(row: number, text: string): boolean
  isAvailable(row: number): boolean
  versionOf(row: number): number
  stampOf(row: number): number
  set(row: number, available: boolean, version: number, stamp: number): void
}

const ROW_BYTES = 32
const ROW_NUMBERS = ROW_BYTES / Float64Array.BYTES_PER_ELEMENT
/** Where in a row's bytes they stand; the id's length is the first. */
const [ID, AVAILABLE] = [1, 15]
/** Where in its numbers. */
const [VERSION, STAMP] = [2, 3]
const LONGEST = AVAILABLE - ID
/** Length of an id that does not stand here: it is longer, or not ASCII. */
const ELSEWHERE = 255
const LEAST_ROWS = 1024

export function createRowLines(): RowLines {
  let bytes = new Uint8Array(ROW_BYTES * LEAST_ROWS)
  let numbers = new Float64Array(bytes.buffer)
  let size = 0
  const grow = (): void => {
    const longer = new Uint8Array(2 * bytes.length)
    longer.set(bytes)
    bytes = longer
    numbers = new Float64Array(bytes.buffer)
  }
  return {
    push(itemId) {
      if (ROW_BYTES * (size + 1) > bytes.length) grow()
      const at = ROW_BYTES * size++
      bytes[at] = isShort(itemId) ? itemId.length : ELSEWHERE
      for (let i = 0; bytes[at] !== ELSEWHERE && i < itemId.length; i++) bytes[at + ID + i] = itemId.charCodeAt(i)
    },
    isAsLong: (row, text) => bytes[ROW_BYTES * row] === text.length && text.length !== ELSEWHERE,
    isNamed(row, text) {
      const at = ROW_BYTES * row + ID
      for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false
      return true
    },
    isAvailable: row => bytes[ROW_BYTES * row + AVAILABLE] === 1,
    versionOf: row => numbers[ROW_NUMBERS * row + VERSION],
    stampOf: row => numbers[ROW_NUMBERS * row + STAMP],
    set(row, available, version, stamp) {
      bytes[ROW_BYTES * row + AVAILABLE] = available ? 1 : 0
      numbers[ROW_NUMBERS * row + VERSION] = version
      numbers[ROW_NUMBERS * row + STAMP] = stamp
    },
  }
}

function isShort(text: string): boolean {
  if (text.length > LONGEST) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}
