/** So many of a stream of numbers, however long it is, evenly over all of it. */
export interface Thinned {
  add(value: number): void
  /** `most` of them, or all while they are fewer; in order. */
  values(): readonly number[]
}

export function createThinned(most: number): Thinned {
  let kept: number[] = []
  /** One of so many is kept. */
  let stride = 1
  let seen = 0
  return {
    add(value) {
      if (seen++ % stride === 0) kept.push(value)
      if (kept.length < 2 * most) return
      kept = kept.filter((_, i) => i % 2 === 0)
      stride *= 2
    },
    values: () =>
      kept.length <= most
        ? [...kept]
        : Array.from({ length: most }, (_, i) => kept[Math.floor((i * kept.length) / most)]),
  }
}
