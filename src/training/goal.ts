/** When training is over: a mark that is reached, or a curve that does not rise any more. */

/** `reward`: mean of a decision. `return`: mean of a session, exact where the world is finite. `share`: of the way of the return from
 * chance to the optimum. */
export const measures = ['reward', 'return', 'share'] as const
export type Measure = (typeof measures)[number]

/** What is measured after a stretch; null: there is no such thing, or not yet. */
export type Measured = Readonly<Record<Measure, number | null>>

export interface Goal {
  readonly measure: Measure
  readonly least: number
}

/** Reads `reward>=0.5`. @returns undefined for anything else */
export function parseGoal(text: string): Goal | undefined {
  const [, name, number] = /^\s*([a-z]+)\s*>=\s*(\S+)\s*$/.exec(text) ?? []
  const measure = measures.find(each => each === name)
  const least = Number(number)
  return measure !== undefined && Number.isFinite(least) ? { measure, least } : undefined
}

export function isReached({ measure, least }: Goal, measured: Measured): boolean {
  const value = measured[measure]
  return value !== null && value >= least
}

export interface Patience {
  /** Points that are averaged, since one alone is noise. */
  readonly points: number
  /** Part of the level by which a rise must be more. */
  readonly least: number
}

/** The mean of the last `points` is no higher, by more than `least` of its size, than that of the `points` before them: early
 * stopping (Prechelt 1998), on what is to be raised and not on a loss. */
export function hasConverged(curve: readonly number[], { points, least }: Patience): boolean {
  if (curve.length < 2 * points) return false
  const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / points
  const before = meanOf(curve.slice(-2 * points, -points))
  return meanOf(curve.slice(-points)) - before <= least * Math.abs(before)
}
