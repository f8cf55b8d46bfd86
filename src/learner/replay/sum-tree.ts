/**
 * Values by place with their running sum, as a complete binary tree of sums: a value changes and a place is found by a point of
 * the sum in log n steps (Schaul et al. 2016, appendix B.2.1). A sum is always that of its two children, so what the
 * tree says depends on the values only and not on how they came to be.
 */

export interface SumTree {
  at(place: number): number
  set(place: number, value: number): void
  readonly total: number
  /** The place over which `point` of the running sum lies: never one of value 0. @param point in [0, total), total > 0 */
  find(point: number): number
}

export function createSumTree(capacity: number): SumTree {
  const leaves = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)))
  // the children of node i are 2i and 2i + 1
  const sums = new Float64Array(2 * leaves)
  return {
    at: place => sums[leaves + place],
    set(place, value) {
      let node = leaves + place
      sums[node] = value
      for (node >>= 1; node >= 1; node >>= 1) sums[node] = sums[2 * node] + sums[2 * node + 1]
    },
    get total() {
      return sums[1]
    },
    find(point) {
      let node = 1
      let left = point
      while (node < leaves) {
        node *= 2
        // by rounding the point may lie beyond everything: then the last value that counts has it
        if (left < sums[node] || sums[node + 1] === 0) continue
        left -= sums[node]
        node++
      }
      return node - leaves
    },
  }
}
