/**
 * How far a version is from another: KL(before ‖ after) of their softmax choices on a fixed set of made-up decisions, which
 * grows without bound when the new one all but gives up what the old one would show. Scores need a unit, or the bound
 * would mean one thing for clicks and another for ratings from -10 to 10: it is the older version's own uncertainty of the
 * probe's scores (a posterior's root mean square deviation), since a posterior moves by about that much when it learns; so
 * what knows little may change much. Logits are their own unit: the explorer's temperature. States are a bias of 1 and
 * seeded normals, from none to half a unit, so that two gates, or one after a restart, ask the same questions.
 */
import type { CandidateVectors, Policy, Scorer } from '../models/policy.ts'
import { createRandom, seedOf } from '../state/random.ts'

export interface ProbeOptions {
  readonly stateDimensions: number
  readonly itemDimensions: number
  /** Unit of scores without a posterior: the softmax temperature. */
  readonly temperature: number
}

export interface Divergence {
  /** Nats, mean and largest over the probes. */
  readonly mean: number
  readonly max: number
  readonly probes: number
}

export interface Probe {
  /** @throws FeedloopError MODEL_INCOMPATIBLE when a policy doesn't take the configured state */
  compare(after: Policy, before: Policy): Divergence
}

const PROBES = 16
const ITEMS = 32

export function createProbe({ stateDimensions, itemDimensions, temperature }: ProbeOptions): Probe {
  const random = createRandom(seedOf('gate probes'))
  const states = Array.from({ length: PROBES }, (_, k) =>
    Float64Array.from({ length: stateDimensions }, (_, i) =>
      i === 0 ? 1 : (random.normal() / 2) * (k / (PROBES - 1)),
    ),
  )
  const vectors = Array.from({ length: ITEMS }, () => unitVector(itemDimensions, random.normal))
  return {
    compare(after, before) {
      const candidates = candidatesFor(after, vectors)
      const divergences = states.map(state => {
        const old = before.scorer(state, candidates)
        const unit = unitOf(old, temperature)
        return divergence(softmax(old.mean, unit), softmax(after.scorer(state, candidates).mean, unit))
      })
      const mean = divergences.reduce((sum, value) => sum + value, 0) / PROBES
      return { mean, max: divergences.reduce((a, b) => Math.max(a, b)), probes: PROBES }
    },
  }
}

/** Never 0: a posterior without any noise still has rounding. */
function unitOf({ mean, deviation }: Scorer, temperature: number): number {
  if (!deviation) return temperature
  const squares = deviation.reduce((sum, value) => sum + value * value, 0) / deviation.length
  return Math.sqrt(squares) || Number.EPSILON * mean.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
}

/** Items that the model knows by id, else made-up ones that it can only know by vector. */
function candidatesFor(policy: Policy, vectors: readonly Float32Array[]): CandidateVectors {
  const known = policy.knownItems?.(ITEMS) ?? []
  const itemIds = known.length > 0 ? known : vectors.map((_, i) => `probe ${i}`)
  return { itemIds, vectors: vectors.slice(0, itemIds.length) }
}

function unitVector(d: number, normal: () => number): Float32Array {
  const raw = Array.from({ length: d }, normal)
  const norm = Math.sqrt(raw.reduce((sum, value) => sum + value * value, 0))
  return Float32Array.from(raw, value => value / norm)
}

/** Log-probabilities of softmax(scores / unit). */
function softmax(scores: Float64Array, unit: number): Float64Array {
  const highest = scores.reduce((a, b) => Math.max(a, b))
  const total = scores.reduce((sum, score) => sum + Math.exp((score - highest) / unit), 0)
  return scores.map(score => (score - highest) / unit - Math.log(total))
}

/** KL(p ‖ q) = Σ p (log p − log q), of log-probabilities. */
const divergence = (p: Float64Array, q: Float64Array): number =>
  p.reduce((sum, logP, k) => sum + (logP === Number.NEGATIVE_INFINITY ? 0 : Math.exp(logP) * (logP - q[k])), 0)
