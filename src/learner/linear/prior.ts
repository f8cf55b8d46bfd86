/**
 * The prior that all items share, estimated from the items themselves (empirical Bayes): one ridge for clicks at 1 %, where
 * items differ by a thousandth, and for nearly noiseless labels would be wrong for one of them by orders of magnitude.
 * θ_a ~ N(m, σ² Λ₀⁻¹), Λ₀ diagonal with one precision λ_g a group of features: the bias, the state's other blocks, its
 * numbers, their Fourier features. It is a function of the sums, so it needs none of its own and forgets nothing:
 * - λ_g = (γ_g + p) / (Σ_a |θ_a - m|²_g / σ² + p / λ), γ_g = Σ_a Σ_{i in g} (1 - λ_g (Λ_a⁻¹)_ii): the evidence's fixed
 *   point (MacKay 1992, "Bayesian interpolation"; Bishop 3.5), with p pseudo-counts at the configured precision λ;
 * - m by generalised least squares with the θ_a integrated out: an item's A and b count as Λ₀ - Λ₀Λ_a⁻¹Λ₀ and Λ₀Λ_a⁻¹b
 *   (Lindley & Smith 1972), under a ridge κ_g found as λ_g is.
 * - the offsets of biases by the items' vectors, in turn with m (content.ts); and how much likeness counts (likeness.ts).
 * So a new item starts where items like it usually are, a weak effect is shrunk away, a strong one is not.
 */
import type { Block } from './block.ts'
import { fitContent } from './content.ts'
import type { FeatureOptions, NumberRange } from './features.ts'
import { covarianceOf, directionOf, type Likeness } from './likeness.ts'
import { cholesky, dot, invertFactored, packedLength, solveLower, solveUpper } from './matrix.ts'
import { type Arm, mostSeen, ownMean, type Prior, posteriorOf, type Reading, scalarSums } from './posterior.ts'

/** Pseudo-counts of the hyperprior. Small: with one of them at λ = 0.3 nothing could be found above 0.3 K, while items whose
 * clicks differ by a thousandth want hundreds. */
const PSEUDO = 0.01
const LEAST = 1e-3
const MOST = 1e6
/** Inverting costs d³ an item: so many multiplications may one estimate take. */
const BUDGET = 3e8

/** The group of each feature: 0 bias, 1 the state's other blocks, 2 its numbers, 3 their Fourier features. */
export function groupsOf({ stateDimensions, numbers }: FeatureOptions, dimensions: number): Uint8Array {
  return Uint8Array.from({ length: dimensions }, (_, i) => {
    if (i === 0) return 0
    if (i >= stateDimensions) return 3
    return i >= numbers.from && i < numbers.from + numbers.count ? 2 : 1
  })
}

export const GROUPS = 4

/** What an estimate leaves: its precisions go on from there. */
export interface Hyper {
  /** λ_g of the items around their mean, and κ_g of the mean around 0. */
  readonly around: Float64Array
  readonly common: Float64Array
}

export const startHyper = (precision: number): Hyper => ({
  around: new Float64Array(GROUPS).fill(precision),
  common: new Float64Array(GROUPS).fill(precision),
})

export const priorOf = (
  groups: Uint8Array,
  { around }: Hyper,
  mean: Float64Array,
  vectors: Pick<Prior, 'content' | 'likeness'> = {},
): Prior => ({
  mean,
  ...vectors,
  precision: Float64Array.from(groups, group => around[group]),
})

/**
 * One round of the fixed point.
 * @param variance σ² under the present prior @param precision λ of the hyperprior @param history place of the mean of a
 * person's history in φ; absent: there is none
 */
export function improve(
  arms: ReadonlyMap<string, Arm>,
  reading: Reading,
  hyper: Hyper,
  given: { readonly variance: number; readonly precision: number; readonly history?: NumberRange },
): { hyper: Hyper; prior: Prior; offsets: ReadonlyMap<string, number> } {
  const { variance, precision, history } = given
  const d = reading.map.dimensions
  const groups = groupsOf(reading.map.options, d)
  const chosen = mostSeen(arms, Math.max(4, Math.floor(BUDGET / d ** 3)))
  const sums = collect(chosen, reading, groups)
  const around = hyper.around.map((old, g) =>
    Math.max(
      precision,
      update(old, sums.trace[g], chosen.length * sizeOf(groups, g), sums.squares[g] / variance, precision),
    ),
  )
  const { mean, common } = commonMean(sums, reading.prior, hyper, { groups, variance, precision })
  const next = { around, common }
  const fit = fitOffsets(chosen, sums, reading.prior, mean[0])
  const likeness = history && fitLikeness(chosen, reading, mean, history)
  const prior = priorOf(groups, next, mean, { content: fit?.weights, likeness })
  return { hyper: next, prior, offsets: offsetsOf(arms, fit) }
}

/** c by generalised least squares around the mean, each item's A and b counting as they do for m; a priori c r is as long as
 * what items have of their own is. */
function fitLikeness(
  chosen: readonly Chosen[],
  reading: Reading,
  mean: Float64Array,
  history: NumberRange,
): Likeness | undefined {
  const covariance = covarianceOf(
    chosen.map(([, { block }]) => block),
    history,
  )
  if (!covariance) return undefined
  const { precision } = reading.prior
  let toward = 0
  let information = precision[history.from] / history.count
  for (const [, arm] of chosen) {
    const { vector, offset } = arm.block
    if (vector?.length !== history.count) continue
    const { factor } = posteriorOf(arm, reading)
    const b = scalarSums(arm.block, reading)
    const direction = new Float64Array(mean.length)
    direction.set(directionOf(covariance, vector), history.from)
    const solved = direction.map((value, i) => precision[i] * value)
    solveLower(factor, solved, solved)
    solveUpper(factor, solved, solved)
    for (let i = 0; i < mean.length; i++) {
      const counts = precision[i] * (direction[i] - solved[i])
      information += counts * direction[i]
      toward += solved[i] * b[i] - counts * (mean[i] + (i === 0 ? offset : 0))
    }
  }
  return { from: history.from, coefficient: toward / information, covariance }
}

/** The content's regression on the chosen items' biases. */
function fitOffsets(chosen: readonly Chosen[], { biases }: Sums, prior: Prior, mean: number) {
  const items = chosen.flatMap(([itemId, { block }], i) => {
    const { content, offset } = block
    const [theta, inverse] = biases[i]
    const before = prior.mean[0] + offset
    const weight = prior.precision[0] - prior.precision[0] ** 2 * inverse
    // an item of which next to nothing is known says nothing
    if (!content || weight < 1e-6 * prior.precision[0]) return []
    return [{ itemId, content, weight, value: before + (prior.precision[0] * (theta - before)) / weight - mean }]
  })
  const length = items[0]?.content.length
  const same = items.filter(({ content }) => content.length === length)
  const fit = fitContent(same, prior.precision[0])
  return fit && { weights: fit.weights, own: new Map(same.map(({ itemId }, i) => [itemId, fit.offsets[i]])) }
}

function offsetsOf(arms: ReadonlyMap<string, Arm>, fit: ReturnType<typeof fitOffsets>): Map<string, number> {
  const foretold = ({ content }: Block): number =>
    fit && content?.length === fit.weights.length ? dot(fit.weights, content) : 0
  return new Map([...arms].map(([itemId, { block }]) => [itemId, fit?.own.get(itemId) ?? foretold(block)]))
}

const sizeOf = (groups: Uint8Array, group: number): number => groups.reduce((n, g) => n + (g === group ? 1 : 0), 0)

/** γ = size - λ trace(Λ⁻¹): how many of the numbers the data decided. */
function update(old: number, trace: number, size: number, squares: number, precision: number): number {
  const decided = Math.max(0, size - old * trace)
  return Math.min(MOST, Math.max(LEAST, (decided + PSEUDO) / (squares + PSEUDO / precision)))
}

interface Sums {
  readonly count: number
  /** By group: Σ_a Σ_i (Λ_a⁻¹)_ii and Σ_a Σ_i (θ_a - m)_i². */
  readonly trace: Float64Array
  readonly squares: Float64Array
  /** Of each item: θ₀ and (Λ_a⁻¹)₀₀. */
  readonly biases: [number, number][]
  /** Σ_a Λ_a⁻¹, packed, and Σ_a Λ_a⁻¹ b_a, less what the items' vectors account for. */
  readonly inverse: Float64Array
  readonly solved: Float64Array
}

type Chosen = readonly [string, Arm]

function collect(chosen: readonly Chosen[], reading: Reading, groups: Uint8Array): Sums {
  const d = groups.length
  const sums: Sums = {
    count: chosen.length,
    trace: new Float64Array(GROUPS),
    squares: new Float64Array(GROUPS),
    inverse: new Float64Array(packedLength(d)),
    solved: new Float64Array(d),
    biases: [],
  }
  const own = new Float64Array(packedLength(d))
  const { prior } = reading
  for (const [, arm] of chosen) {
    const { theta, factor } = posteriorOf(arm, reading)
    invertFactored(factor, d, own)
    const expected = ownMean(prior, arm.block)
    const foretold = expected.map((value, i) => value - prior.mean[i])
    const b = scalarSums(arm.block, reading).map((value, i) => value + prior.precision[i] * foretold[i])
    sums.biases.push([theta[0], own[0]])
    for (let i = 0, k = 0; i < d; i++) {
      for (let j = 0; j < i; j++, k++) {
        sums.inverse[k] += own[k]
        sums.solved[i] += own[k] * b[j]
        sums.solved[j] += own[k] * b[i]
      }
      sums.inverse[k] += own[k]
      sums.solved[i] += own[k] * b[i] - foretold[i]
      sums.trace[groups[i]] += own[k]
      sums.squares[groups[i]] += (theta[i] - expected[i]) ** 2
      k++
    }
  }
  return sums
}

function commonMean(
  { count, inverse, solved }: Sums,
  { precision }: Prior,
  { common }: Hyper,
  given: { readonly groups: Uint8Array; readonly variance: number; readonly precision: number },
): { mean: Float64Array; common: Float64Array } {
  const { groups, variance } = given
  const d = groups.length
  const information = new Float64Array(packedLength(d))
  for (let i = 0, k = 0; i < d; i++)
    for (let j = 0; j <= i; j++, k++)
      information[k] = (i === j ? count * precision[i] : 0) - precision[i] * inverse[k] * precision[j]
  const ridge = Float64Array.from(groups, group => common[group])
  const mean = solved.map((value, i) => precision[i] * value)
  const factor = new Float64Array(packedLength(d))
  // the information is semidefinite but for rounding, which the smallest of these ridges is far above
  if (!cholesky(information, d, 1, ridge, factor)) return { mean: new Float64Array(d), common }
  solveLower(factor, mean, mean)
  solveUpper(factor, mean, mean)
  invertFactored(factor, d, information)
  const trace = new Float64Array(GROUPS)
  const squares = new Float64Array(GROUPS)
  for (let i = 0; i < d; i++) {
    trace[groups[i]] += information[packedLength(i + 1) - 1]
    squares[groups[i]] += mean[i] ** 2
  }
  return {
    mean,
    common: common.map((old, g) => update(old, trace[g], sizeOf(groups, g), squares[g] / variance, given.precision)),
  }
}
