/** The rows of the greatest scores, in one pass: those above the least that counts are gathered, and halved when there are
 * twice too many (quickselect, Hoare 1961), so that no order of rows makes it slow. */
export interface Best {
  /** A score that is not above this is not among the best: -∞ and NaN never are. */
  readonly least: number
  offer(row: number, score: number): void
  /** In the order of their numbers. */
  rows(): Int32Array
}

/** @param count at least 1 */
export function createBest(count: number): Best {
  const scores = new Float32Array(2 * count)
  const rows = new Int32Array(2 * count)
  let length = 0
  let least = Number.NEGATIVE_INFINITY
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
      const pivot = scores[(low + high) >> 1]
      let i = low
      let j = high
      while (i <= j) {
        while (scores[i] > pivot) i++
        while (scores[j] < pivot) j--
        if (i <= j) swap(i++, j--)
      }
      if (j >= count - 1) high = j
      else if (i <= count - 1) low = i
      else break
    }
    length = Math.min(length, count)
    least = scores[0]
    for (let i = 1; i < length; i++) least = Math.min(least, scores[i])
  }
  return {
    get least() {
      return least
    },
    offer(row, score) {
      if (!(score > least)) return
      scores[length] = score
      rows[length++] = row
      if (length === scores.length) halve()
    },
    rows() {
      if (length > count) halve()
      return rows.slice(0, length).sort()
    },
  }
}
