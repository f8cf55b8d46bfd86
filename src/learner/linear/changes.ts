/**
 * Whether items still earn what they used to. For each decision the reward is compared with what the sums before it expect
 * (`expectedReward`); the shortfalls, in units of the rewards' root mean square and less a tolerance, are added up by the
 * cumulative-sum test (Page 1954, "Continuous inspection schemes"). Above the threshold the world has changed: the learner
 * then forgets by a factor at once (decay.ts), so the estimates stay and their certainty goes, which explores again. A
 * change that is still there is found again until what is old has no weight left; a false alarm costs nearly all that was
 * learned, so the threshold is far out.
 * One-sided: what became better than expected is learned anyway.
 * Late rewards: decisions are kept in buckets by decision time and a bucket is judged once it is older than `MATURE` mean
 * delays, so decisions whose reward is under way are no shortfall. Where more than all buckets are under way nothing is judged.
 * Silence is no change: a bucket that no outcome came for says nothing, or every outage of outcomes would be taken for one.
 * As a tensor: [mean delay ms, rewards, (from ms, weight, surplus, 1 where an outcome came) a bucket].
 */
import type { ModelVersion, Tensor } from '../../../schemas/records.ts'
import { decodeTensor, encodeTensor, removedTensor } from '../tensors.ts'
import type { Block } from './block.ts'
import { packedLength } from './matrix.ts'
import type { Prior } from './posterior.ts'

interface Bucket {
  /** Earliest decision time, ms: up to the next bucket's. */
  readonly fromMs: number
  /** Σ w, and Σ w (r - expected). */
  weight: number
  surplus: number
  /** No outcome came for any of its decisions. */
  silent: boolean
}

export interface Changes {
  readonly buckets: Bucket[]
  /** Mean time from decision to reward, of the latest some fifty, ms; and how many rewards came. */
  delayMs: number
  rewards: number
}

/** Decisions a bucket, and buckets kept. */
const SIZE = 16
const KEPT = 128
/** In root mean squares of the reward: what a decision may fall short by, and the sum of what is beyond it. With noise of one of
 * them a false alarm comes once in exp(2 · .25 · 30) / (2 · .25²), some 10⁷ decisions (Siegmund 1985, *Sequential Analysis*). */
const TOLERANCE = 0.25
const THRESHOLD = 30
/** Mean delays after which a reward has come: e⁻³ of exponential ones are later. */
const MATURE = 3
/** How fast the mean delay follows. */
const FOLLOWS = 0.02
/** Weight of an item below which nothing is expected of it. */
const KNOWN = 8
const NAME = 'changes'

export const createChanges = (): Changes => ({ buckets: [], delayMs: 0, rewards: 0 })

/**
 * The item's mean reward, moved by what the state means for all items: b₀/A₀₀ + mᵀ(φ - A·₀/A₀₀), with φ₀ = 1. A function of
 * the sums that costs d. @param weights of the components @returns undefined for an item that is hardly known
 */
export function expectedReward(
  block: Block,
  phi: Float64Array,
  given: { readonly prior: Prior; readonly scale: number; readonly weights: readonly number[] },
): number | undefined {
  const seen = block.a[0]
  if (!(seen * given.scale >= KNOWN)) return undefined
  let expected = 0
  block.b.forEach((sums, index) => {
    expected += ((given.weights[index] ?? 0) * sums[0]) / seen // 0: no reward of any kind has come yet
  })
  const { mean } = given.prior
  for (let i = 1; i < phi.length; i++) expected += mean[i] * (phi[i] - block.a[packedLength(i)] / seen)
  return expected
}

export interface Seen {
  readonly decisionMs: number
  /** Newest decision time of all, ms. */
  readonly newestMs: number
  /** Of the decision; 0 for a revision of one that was counted before. */
  readonly weight: number
  /** Weighted, less what was expected when this is the decision itself. */
  readonly surplus: number
  /** Weighted reward that outcomes brought: not what a decision earns without any. */
  readonly reward: number
}

/** Puts what came into the bucket of its decision's time. */
export function note(changes: Changes, { decisionMs, newestMs, weight, surplus, reward }: Seen): void {
  const { buckets } = changes
  if (reward !== 0) {
    const follows = Math.max(FOLLOWS, 1 / ++changes.rewards)
    changes.delayMs += follows * (newestMs - decisionMs - changes.delayMs)
  }
  const newest = buckets.at(-1)
  if (weight > 0 && (!newest || (newest.weight >= SIZE && decisionMs > newest.fromMs))) {
    buckets.push({ fromMs: decisionMs, weight: 0, surplus: 0, silent: true })
    if (buckets.length > KEPT) buckets.shift()
  }
  const bucket = buckets.findLast(({ fromMs }) => fromMs <= decisionMs)
  if (bucket) {
    bucket.weight += weight
    bucket.surplus += surplus
    bucket.silent &&= reward === 0
  }
}

/** @param unit root mean square of the reward @param dispersion of the weights: an alarm by noise stays as rare (Siegmund) */
export function isChanged({ buckets, delayMs }: Changes, newestMs: number, unit: number, dispersion = 1): boolean {
  let short = 0
  for (let i = 0; i + 1 < buckets.length; i++) {
    if (newestMs - buckets[i + 1].fromMs < MATURE * delayMs) return false
    const { weight, surplus, silent } = buckets[i]
    if (silent) continue
    short = Math.max(0, short - surplus / unit - TOLERANCE * weight)
    if (short > THRESHOLD * dispersion) return true
  }
  return false
}

export const isChangesTensor = ({ name }: Tensor): boolean => name === NAME

/** None while nothing was seen: of an increment that is said. */
export function encodeChanges({ buckets, delayMs, rewards }: Changes, full: boolean): Tensor[] {
  if (buckets.length === 0 && rewards === 0) return full ? [] : [removedTensor(NAME)]
  const values = buckets.flatMap(({ fromMs, weight, surplus, silent }) => [fromMs, weight, surplus, silent ? 0 : 1])
  return [encodeTensor(NAME, Float64Array.of(delayMs, rewards, ...values))]
}

/** Nothing seen yet where a version has none. */
export function decodeChanges({ tensors }: ModelVersion): Changes {
  const tensor = tensors.find(({ name }) => name === NAME)
  if (!tensor) return createChanges()
  const [delayMs, rewards, ...values] = decodeTensor(tensor, 'float64')
  const buckets = Array.from({ length: values.length / 4 }, (_, i) => {
    const [fromMs, weight, surplus, outcomes] = values.slice(4 * i, 4 * i + 4)
    return { fromMs, weight, surplus, silent: outcomes === 0 }
  })
  return { buckets, delayMs, rewards }
}
