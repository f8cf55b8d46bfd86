/**
 * How far a version is from the serving one: KL(serving ‖ new) of their softmax choices on a fixed set of made-up
 * decisions, which grows without bound when the new one all but gives up what the serving one would show. The choice is softmax(mean / temperature) over a probe's candidates, whatever explorer serves: means are
 * what every algorithm has, and they need no draws. States are a bias of 1 and seeded normals, so that two gates, or
 * one after a restart, ask the same questions.
 */
import type { CandidateVectors, Policy } from '../models/policy.ts'
import { createRandom, seedOf } from '../state/random.ts'

export interface ProbeOptions {
  readonly stateDimensions: number
  readonly itemDimensions: number
  /** Softmax temperature. */
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
  compare(policy: Policy, serving: Policy): Divergence
}

const PROBES = 16
const ITEMS = 32

export function createProbe({ stateDimensions, itemDimensions, temperature }: ProbeOptions): Probe {
  const random = createRandom(seedOf('gate probes'))
  const states = Array.from({ length: PROBES }, () =>
    Float64Array.from({ length: stateDimensions }, (_, i) => (i === 0 ? 1 : random.normal() / 2)),
  )
  const vectors = Array.from({ length: ITEMS }, () => unitVector(itemDimensions, random.normal))
  return {
    compare(policy, serving) {
      const candidates = candidatesFor(policy, vectors)
      const divergences = states.map(state =>
        divergence(
          softmax(serving.scorer(state, candidates).mean, temperature),
          softmax(policy.scorer(state, candidates).mean, temperature),
        ),
      )
      const mean = divergences.reduce((sum, value) => sum + value, 0) / PROBES
      return { mean, max: divergences.reduce((a, b) => Math.max(a, b)), probes: PROBES }
    },
  }
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

/** Log-probabilities of softmax(scores / temperature). */
function softmax(scores: Float64Array, temperature: number): Float64Array {
  const highest = scores.reduce((a, b) => Math.max(a, b))
  const total = scores.reduce((sum, score) => sum + Math.exp((score - highest) / temperature), 0)
  return scores.map(score => (score - highest) / temperature - Math.log(total))
}

/** KL(p ‖ q) = Σ p (log p − log q), of log-probabilities. */
const divergence = (p: Float64Array, q: Float64Array): number =>
  p.reduce((sum, logP, k) => sum + (logP === Number.NEGATIVE_INFINITY ? 0 : Math.exp(logP) * (logP - q[k])), 0)
