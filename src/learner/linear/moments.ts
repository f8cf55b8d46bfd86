/**
 * First and second moments of the rewards by component: sums like all else (the square of a cumulative reward changes by
 * the difference of the squares before and after a revision, which telescopes in any order). From them comes the variance
 * of the scalar reward under any weights: the unit in which the posterior's spread is measured, so that one scale of
 * exploration serves clicks at 1 %, hits in [0, 1] and ratings from -10 to 10.
 */
import type { Transition } from '../../../schemas/records.ts'

export interface Moments {
  /** Σ w over decisions. */
  weight: number
  /** Σ w r by component index. */
  readonly first: number[]
  /** Σ w r r' by pair of component indices, packed by rows of the lower triangle. */
  readonly second: number[]
}

export const createMoments = (): Moments => ({ weight: 0, first: [], second: [] })

const at = (i: number, j: number): number => (Math.max(i, j) * (Math.max(i, j) + 1)) / 2 + Math.min(i, j)

/** @param components index of each component, the transition's included; @param weight of the decision, decay included */
export function addMoments(
  moments: Moments,
  { kind, delta, cumulative }: Transition,
  components: ReadonlyMap<string, number>,
  weight: number,
): void {
  if (kind === 'initial') moments.weight += weight
  for (const [name, i] of components) {
    while (moments.first.length <= i) moments.first.push(0)
    while (moments.second.length <= at(i, i)) moments.second.push(0)
    const change = delta[name] ?? 0
    moments.first[i] += weight * change
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
  for (const sums of [moments.first, moments.second]) for (const i of sums.keys()) sums[i] *= factor
}

/** Variance of Σ weight_c r_c over decisions; 1 while no reward has been seen to vary.
 * @param weights by component index */
export function rewardVariance({ weight, first, second }: Moments, weights: readonly number[]): number {
  if (!(weight > 0)) return 1
  let mean = 0
  let square = 0
  for (let i = 0; i < first.length; i++) {
    mean += (weights[i] * first[i]) / weight
    for (let j = 0; j < first.length; j++) square += (weights[i] * weights[j] * second[at(i, j)]) / weight
  }
  const variance = square - mean * mean
  return variance > 1e-12 * square ? variance : 1
}

const PREFIX = 'moments/'

/** As parameters of a checkpoint. */
export const encodeMoments = ({ weight, first, second }: Moments): Record<string, number> => ({
  [`${PREFIX}weight`]: weight,
  ...Object.fromEntries(first.map((value, i) => [`${PREFIX}first/${i}`, value])),
  ...Object.fromEntries(second.map((value, i) => [`${PREFIX}second/${i}`, value])),
})

export function decodeMoments(parameters: Readonly<Record<string, number>>): Moments {
  const list = (kind: string): number[] => {
    const values: number[] = []
    for (let i = 0; `${PREFIX}${kind}/${i}` in parameters; i++) values.push(parameters[`${PREFIX}${kind}/${i}`])
    return values
  }
  return { weight: parameters[`${PREFIX}weight`] ?? 0, first: list('first'), second: list('second') }
}
