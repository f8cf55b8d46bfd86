/** Rows and their scores, in any order. */
export interface Scored {
  readonly rows: Int32Array
  readonly scores: Float32Array
}

/** The rows of the greatest scores, of equal ones those of the lower numbers, whatever the order they come in. One pass: those not
 * below the least that counts are gathered, and halved when there are twice too many (quickselect, Hoare 1961). */
export interface Best {
  /** A score below this is not among the best: -∞ and NaN never are. */
  least: number
  offer(row: number, score: number): void
  /** Copies of the best so far. */
  scored(): Scored
  /** In the order of their numbers. */
  rows(): Int32Array
}

const LEAST = -3.4028234663852886e38

/** @param count at least 1 */
export function createBest(count: number): Best {
  const scores = new Float32Array(2 * count)
  const rows = new Int32Array(2 * count)
  let length = 0
  const swap = (i: number, j: number): void => {
    const score = scores[i]
    scores[i] = scores[j]
    scores[j] = score
    const row = rows[i]
    rows[i] = rows[j]
    rows[j] = row
  }
  /** Afterwards the first `count` are the best. */
  const halve = (): void => {
    let low = 0
    let high = length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      const score = scores[middle]
      const row = rows[middle]
      let i = low
      let j = high
      while (i <= j) {
        while (scores[i] > score || (scores[i] === score && rows[i] < row)) i++
        while (scores[j] < score || (scores[j] === score && rows[j] > row)) j--
        if (i <= j) swap(i++, j--)
      }
      if (j >= count - 1) high = j
      else if (i <= count - 1) low = i
      else break
    }
    length = Math.min(length, count)
    best.least = scores[0]
    for (let i = 1; i < length; i++) best.least = Math.min(best.least, scores[i])
  }
  const best: Best = {
    least: LEAST,
    offer(row, score) {
      if (!(score >= best.least)) return
      scores[length] = score
      rows[length++] = row
      if (length === scores.length) halve()
    },
    scored() {
      if (length > count) halve()
      return { rows: rows.slice(0, length), scores: scores.slice(0, length) }
    },
    rows() {
      return best.scored().rows.sort()
    },
  }
  return best
}

/** The `count` best of all parts, in the order of their numbers. */
export function bestOf(parts: readonly Scored[], count: number): Int32Array {
  const best = createBest(count)
  for (const { rows, scores } of parts) for (let i = 0; i < rows.length; i++) best.offer(rows[i], scores[i])
  return best.rows()
}
