/** The rows of the greatest scores, in one pass: those above the least that counts are gathered, and halved when there are
 * twice too many (quickselect, Hoare 1961), so that no order of rows makes it slow. */
export interface Best {
  /** Scores of the rows `from`, `from + 1` …; -∞ and NaN are never among the best. */
  offer(scores: Float32Array, from: number): void
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
    offer(offered, from) {
      for (let i = 0; i < offered.length; i++) {
        if (!(offered[i] > least)) continue
        scores[length] = offered[i]
        rows[length++] = from + i
        if (length === scores.length) halve()
      }
    },
    rows() {
      if (length > count) halve()
      return rows.slice(0, length).sort()
    },
  }
}
