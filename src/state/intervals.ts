/** A set of keys as intervals that do not meet. */
import { compareKeys } from './table.ts'

interface Interval {
  readonly from: string
  /** Not in it; null: it has no end. */
  readonly to: string | null
}

export interface Intervals {
  add(from: string, to: string | null): void
  has(key: string): boolean
}

export function createIntervals(): Intervals {
  let intervals: readonly Interval[] = []
  const reaches = ({ to }: Interval, key: string): boolean => to === null || compareKeys(key, to) <= 0
  const firstOf = (a: string, b: string): string => (compareKeys(a, b) < 0 ? a : b)
  const lastOf = (a: string | null, b: string | null): string | null =>
    a === null || b === null ? null : compareKeys(a, b) < 0 ? b : a
  /** The place of the last one that begins at the key or before it; -1: none. */
  const placeOf = (key: string): number => {
    let [low, high] = [-1, intervals.length]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (compareKeys(intervals[middle].from, key) <= 0) low = middle
      else high = middle
    }
    return low
  }
  return {
    add(from, to) {
      const added: Interval = { from, to }
      const meets = (each: Interval): boolean => reaches(each, from) && reaches(added, each.from)
      const joined = intervals
        .filter(meets)
        .reduce<Interval>((sum, each) => ({ from: firstOf(sum.from, each.from), to: lastOf(sum.to, each.to) }), added)
      const others = intervals.filter(each => !meets(each))
      intervals = [...others, joined].sort((a, b) => compareKeys(a.from, b.from))
    },
    has(key) {
      const place = placeOf(key)
      if (place < 0) return false
      const { to } = intervals[place]
      return to === null || compareKeys(key, to) < 0
    },
  }
}
