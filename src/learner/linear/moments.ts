/**
 * Second moments of the rewards by component: sums like all else (a product of cumulative rewards changes by the
 * difference of the products before and after a revision, which telescopes in any order). With the part of them that
 * the regressions explain they give the noise of the scalar reward under any weights: the unit in which the posterior's
 * spread is measured, so that one scale of exploration serves clicks at 1 %, hits in [0, 1] and ratings from -10 to 10.
 */
import type { LearnedTransition } from '../wire.ts'

export interface Moments {
  /** Σ w over decisions. */
  weight: number
  /** Σ w r r' by pair of component indices, packed by rows of the lower triangle. */
  readonly second: number[]
}

export const createMoments = (): Moments => ({ weight: 0, second: [] })

const at = (i: number, j: number): number => (Math.max(i, j) * (Math.max(i, j) + 1)) / 2 + Math.min(i, j)

/** @param components index of each component, the transition's included; @param weight of the decision, decay included */
export function addMoments(
  moments: Moments,
  { kind, delta, cumulative }: LearnedTransition,
  components: ReadonlyMap<string, number>,
  weight: number,
): void {
  if (kind === 'initial') moments.weight += weight
  for (const [name, i] of components) {
    while (moments.second.length <= at(i, i)) moments.second.push(0)
    const change = delta[name] ?? 0
    for (const [other, j] of components) {
      if (j > i) continue
      const after = (cumulative[name] ?? 0) * (cumulative[other] ?? 0)
      const before = ((cumulative[name] ?? 0) - change) * ((cumulative[other] ?? 0) - (delta[other] ?? 0))
      moments.second[at(i, j)] += weight * (after - before)
    }
  }
}

export function scaleMoments(moments: Moments, factor: number): void {
  moments.weight *= factor
  for (const i of moments.second.keys()) moments.second[i] *= factor
}

/** Adds those of other decisions. @param indices here of the other's components @param factor of the other's weights */
export function mergeMoments(into: Moments, other: Moments, indices: readonly number[], factor: number): void {
  into.weight += factor * other.weight
  for (const [i, own] of indices.entries())
    for (const [j, beside] of indices.slice(0, i + 1).entries()) {
      const place = at(own, beside)
      while (into.second.length <= place) into.second.push(0)
      into.second[place] += factor * (other.second[at(i, j)] ?? 0)
    }
}

/** Σ w r² of the scalar reward r = Σ weight_c r_c. @param weights by component index */
export function sumOfSquares({ second }: Moments, weights: readonly number[]): number {
  let sum = 0
  for (let i = 0; at(i, i) < second.length; i++)
    for (let j = 0; at(j, j) < second.length; j++) sum += weights[i] * weights[j] * second[at(i, j)]
  return sum
}

/** σ²: what the regressions leave unexplained, with one decision's worth of everything as a prior; 1 while no reward but
 * 0 has come. With `explained` = Σ_a b_aᵀ θ_a this is the most likely noise under the conjugate prior (Bishop, Pattern
 * Recognition and Machine Learning, 3.5.2).
 * @param squares Σ w r² @param count Σ w */
export function noiseVariance(squares: number, explained: number, count: number): number {
  if (!(count > 0 && squares > 0)) return 1
  return (Math.max(0, squares - explained) + squares / count) / (count + 1)
}

const PREFIX = 'moments/'

/** As parameters of a checkpoint. */
export const encodeMoments = ({ weight, second }: Moments): Record<string, number> => ({
  [`${PREFIX}weight`]: weight,
  ...Object.fromEntries(second.map((value, i) => [`${PREFIX}second/${i}`, value])),
})

export function decodeMoments(parameters: Readonly<Record<string, number>>): Moments {
  const second: number[] = []
  for (let i = 0; `${PREFIX}second/${i}` in parameters; i++) second.push(parameters[`${PREFIX}second/${i}`])
  return { weight: parameters[`${PREFIX}weight`] ?? 0, second }
}
