/** A set of rows that is told the i-th of, so that one can be drawn at random: a dense list and every row's place in it. */
export interface RowSet {
  readonly size: number
  at(i: number): number
  has(row: number): boolean
  /** All, in the order of their numbers; the same array until something changes. */
  inOrder(): Int32Array
  add(row: number): void
  delete(row: number): void
}

export function createRowSet(): RowSet {
  let rows = new Int32Array(256)
  let places = new Int32Array(256).fill(-1)
  let size = 0
  let ordered: Int32Array | undefined
  const has = (row: number): boolean => row < places.length && places[row] >= 0
  return {
    get size() {
      return size
    },
    at: i => rows[i],
    has,
    inOrder() {
      ordered ??= rows.slice(0, size).sort()
      return ordered
    },
    add(row) {
      if (row >= places.length) places = longer(places, Math.max(row + 1, 2 * places.length), -1)
      if (has(row)) return
      ordered = undefined
      if (size === rows.length) rows = longer(rows, 2 * size, 0)
      places[row] = size
      rows[size++] = row
    },
    delete(row) {
      if (!has(row)) return
      ordered = undefined
      const last = rows[--size]
      rows[places[row]] = last
      places[last] = places[row]
      places[row] = -1
    },
  }
}

function longer(from: Int32Array<ArrayBuffer>, length: number, rest: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(length).fill(rest, from.length)
  to.set(from)
  return to
}
