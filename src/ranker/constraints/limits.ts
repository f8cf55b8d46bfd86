/**
 * What constrains the slots of a slate, made of the logged record and the candidates' vectors alone: who has the record has
 * every slot's conditional. A draw is from p_i exp(shift_i) / Σ_j p_j exp(shift_j) over the available, with p the explorer's
 * conditional on the available: what it gives 0 stays 0, what has a floor keeps one.
 */
import type { Constraints } from '../../../schemas/records.ts'
import { createDiversity } from './diversity.ts'
import { createLookahead } from './lookahead.ts'

/** Index of a candidate and the place that a rule put it at. */
export interface Pinned {
  readonly position: number
  readonly candidate: number
}

/** Of one slate, slot by slot. */
export interface Limits {
  /** By position. Their candidates are not available. */
  readonly pins: readonly Pinned[]
  /** 1 where the next draw may go; current after `open`. */
  readonly available: Uint8Array
  /** Added to the logits of the next draw; null: nothing. Current after `open`. */
  shift: Float64Array | null
  /** Gets ready for the next draw. @returns false when there is nothing that it may take */
  open(): boolean
  /** The candidate has the slot. */
  show(candidate: number): void
}

/** @param count candidates */
export function unlimited(count: number): Limits {
  const available = new Uint8Array(count).fill(1)
  let left = count
  return {
    pins: [],
    available,
    shift: null,
    open: () => left > 0,
    show(candidate) {
      available[candidate] = 0
      left--
    },
  }
}

/** Limits, and the quotas as they are in force. */
export interface InForce extends Limits {
  readonly quotas: Constraints['quotas']
}

/** @param slots of the slate, more than `pins`, or as many
 * @param vectors of the candidates */
export function createLimits(
  constraints: Constraints,
  pins: readonly Pinned[],
  slots: number,
  vectors: readonly Float32Array[],
): InForce {
  const left = new Uint8Array(vectors.length).fill(1)
  for (const i of constraints.masked) left[i] = 0
  const quotas = constraints.quotas.length > 0 ? createLookahead(constraints.quotas, left, pins, slots) : null
  const available = quotas ? new Uint8Array(left.length) : left
  const boosts = boostsOf(constraints, vectors.length)
  const diversity = constraints.diversity && createDiversity(constraints.diversity, vectors, boosts)
  return {
    pins,
    available,
    quotas: constraints.quotas.map((quota, q) => ({ ...quota, floor: quotas!.floors[q] })),
    shift: boosts,
    open() {
      quotas?.allow(left, available)
      if (diversity) this.shift = diversity.current()
      return available.includes(1)
    },
    show(candidate) {
      left[candidate] = 0
      quotas?.show(candidate)
      diversity?.show(candidate)
    },
  }
}

function boostsOf({ shifts }: Constraints, count: number): Float64Array | null {
  if (shifts.length === 0) return null
  const sum = new Float64Array(count)
  for (const { by, candidates } of shifts) for (const i of candidates) sum[i] += by
  return sum
}

/** Least exponent, so that no probability becomes 0 by it. */
const LEAST = -500

/** p_i <- p_i exp(shift_i) / Σ_j p_j exp(shift_j). */
export function tilt(probabilities: Float64Array, shift: Float64Array): void {
  let most = Number.NEGATIVE_INFINITY
  for (let i = 0; i < shift.length; i++) if (probabilities[i] > 0 && shift[i] > most) most = shift[i]
  let sum = 0
  for (let i = 0; i < shift.length; i++) {
    if (probabilities[i] > 0) probabilities[i] *= Math.exp(Math.max(LEAST, shift[i] - most))
    sum += probabilities[i]
  }
  for (let i = 0; i < shift.length; i++) probabilities[i] /= sum
}
