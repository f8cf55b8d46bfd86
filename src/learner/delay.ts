/**
 * How late rewards come, by event type: the Kaplan-Meier estimate (1958) on ages of decisions, grouped in buckets whose
 * edges grow by the square root of two. A decision whose reward may still come is *censored*, not negative: it is at risk
 * in the buckets that it has lived through, and half at risk in the one that it is in (the actuarial estimate, Cutler &
 * Ederer 1958). Hazard of bucket k: h_k = (d_k + c g_k) / (n_k + c), with d_k first rewards, n_k decisions at risk, and a
 * prior of c decisions whose rewards come at any time of the window alike (Hjort 1990): buckets that nobody has reached
 * yet are not taken for empty. P(delay <= age | a reward comes within the window) = (1 - S(age)) / (1 - S(window)).
 * All of it is sums over decisions: order does not matter, and two learners' sums add up.
 */
import type { Tensor } from '../../schemas/records.ts'
import { decodeTensor, encodeTensor } from './tensors.ts'

/** 10 ms to a year. */
const FIRST_EDGE_MS = 10
const BUCKETS = 64
const PRIOR_DECISIONS = 10
/** Hazards below the rounding of 1 would vanish. */
const LEAST_RATE = 1e-6
const PREFIX = 'delay/'

/** Upper edge of an age bucket, ms. */
export const edgeMs = (bucket: number): number => FIRST_EDGE_MS * 2 ** (bucket / 2)

/** The bucket that holds an age: edge(k - 1) < age <= edge(k). */
export const bucketOf = (ageMs: number): number =>
  ageMs <= FIRST_EDGE_MS ? 0 : Math.min(BUCKETS - 1, Math.ceil(2 * Math.log2(ageMs / FIRST_EDGE_MS) - 1e-9))

/** What one decision says about one event type: the bucket that it is in, and that of its first reward, if any. */
export interface Life {
  readonly reached: number
  readonly first: number | undefined
}

interface Sums {
  readonly events: Float64Array
  readonly atRisk: Float64Array
  /** Σ |Δ reward|. */
  mass: number
}

export interface Delays {
  /** Adds (1) or takes back (-1) what a decision says. */
  count(type: string, life: Life, sign: 1 | -1): void
  addMass(type: string, amount: number): void
  /** P(delay <= age) of a reward of the type that comes within the window. */
  cdf(type: string, ageMs: number): number
  /** The same of a reward of any type, each by its share of the scalar reward so far. */
  maturity(ageMs: number): number
  add(other: readonly Tensor[]): void
  encode(): Tensor[]
}

export interface DelayOptions {
  /** Age at which a decision has its rewards, ms. */
  readonly windowMs: number
  /** Event types that are rewards, with their weights in the scalar reward. */
  readonly weights: Readonly<Record<string, number>>
}

export function createDelays({ windowMs, weights }: DelayOptions): Delays {
  const all = new Map(Object.keys(weights).map(type => [type, createSums()]))
  const curves = new Map<string, Float64Array>()
  const changed = (type: string): Sums | undefined => {
    curves.delete(type)
    return all.get(type)
  }
  const curveOf = (type: string): Float64Array => {
    let curve = curves.get(type)
    if (!curve) {
      curve = distribution(all.get(type) ?? createSums(), windowMs)
      curves.set(type, curve)
    }
    return curve
  }
  const cdf = (type: string, ageMs: number): number =>
    ageMs >= windowMs ? 1 : interpolate(curveOf(type), ageMs, windowMs)
  return {
    count(type, life, sign) {
      const sums = changed(type)
      if (sums) countLife(sums, life, sign)
    },
    addMass(type, amount) {
      const sums = all.get(type)
      if (sums) sums.mass += amount
    },
    cdf,
    maturity(ageMs) {
      if (ageMs >= windowMs) return 1
      const masses = [...all].map(([type, { mass }]) => [type, Math.abs(weights[type]) * mass] as const)
      const total = masses.reduce((sum, [, mass]) => sum + mass, 0)
      if (!(total > 0)) return ageMs / windowMs
      return masses.reduce((sum, [type, mass]) => sum + (mass > 0 ? (mass / total) * cdf(type, ageMs) : 0), 0)
    },
    add(tensors) {
      for (const tensor of tensors.filter(isDelay)) {
        const values = decodeTensor(tensor, 'float64')
        const type = tensor.name.slice(PREFIX.length)
        const sums = changed(type)
        if (sums) addSums(sums, values)
      }
    },
    encode: () =>
      [...all].map(([type, { events, atRisk, mass }]) =>
        encodeTensor(PREFIX + type, Float64Array.of(mass, ...events, ...atRisk)),
      ),
  }
}

export const isDelay = ({ name }: Tensor): boolean => name.startsWith(PREFIX)

const createSums = (): Sums => ({ events: new Float64Array(BUCKETS), atRisk: new Float64Array(BUCKETS), mass: 0 })

function addSums(sums: Sums, values: Float64Array): void {
  sums.mass += values[0]
  for (let k = 0; k < BUCKETS; k++) {
    sums.events[k] += values[1 + k]
    sums.atRisk[k] += values[1 + BUCKETS + k]
  }
}

function countLife({ events, atRisk }: Sums, { reached, first }: Life, sign: number): void {
  const end = Math.min(reached, first ?? reached)
  for (let k = 0; k < end; k++) atRisk[k] += sign
  atRisk[end] += first === end ? sign : sign / 2
  if (first === end) events[end] += sign
}

/** P(delay <= edge k), 1 from the window on. */
function distribution({ events, atRisk }: Sums, windowMs: number): Float64Array {
  const last = bucketOf(windowMs)
  const observed = events.reduce((sum, count) => sum + count, 0)
  const rate = Math.min(1, observed / Math.max(1, atRisk[0]))
  const curve = new Float64Array(last + 1)
  let survival = 1
  for (let k = 0; k <= last; k++) {
    const from = k === 0 ? 0 : edgeMs(k - 1)
    const prior = (Math.max(rate, LEAST_RATE) * (Math.min(windowMs, edgeMs(k)) - from)) / windowMs
    const hazard = (events[k] + PRIOR_DECISIONS * prior) / (atRisk[k] + PRIOR_DECISIONS)
    survival *= 1 - Math.min(1, hazard)
    curve[k] = 1 - survival
  }
  return curve.map(value => value / curve[last])
}

/** Linear in age between the edges. */
function interpolate(curve: Float64Array, ageMs: number, windowMs: number): number {
  const k = Math.min(bucketOf(ageMs), curve.length - 1)
  const from = k === 0 ? 0 : edgeMs(k - 1)
  const below = k === 0 ? 0 : curve[k - 1]
  const part = Math.min(1, Math.max(0, (ageMs - from) / (Math.min(windowMs, edgeMs(k)) - from)))
  return below + part * (curve[k] - below)
}
