/**
 * What first draws say of exploration and of the logged probabilities: how often the likeliest candidate came out of the
 * draw against how often it should have (calibration by bins of its probability; Guo et al. 2017, "On Calibration of Modern
 * Neural Networks", section 2), and the entropy of what was drawn from.
 */
import type { Recommendation } from '../../schemas/records.ts'

export interface FirstDraw {
  /** The likeliest candidate's probability. */
  readonly greatest: number
  /** That candidate, or one as likely, was drawn. */
  readonly likeliest: boolean
}

/** Undefined where the policy drew nothing. */
export function firstDrawOf({
  chosen_by,
  first_slot_probabilities: probabilities,
  slots,
}: Recommendation): FirstDraw | undefined {
  const first = slots.find(slot => !slot.pinned)
  if (chosen_by !== 'policy' || first === undefined || probabilities.length === 0) return undefined
  let greatest = 0
  // an iterator makes an object of each
  for (let i = 0; i < probabilities.length; i++) if (probabilities[i] > greatest) greatest = probabilities[i]
  return { greatest, likeliest: probabilities[first.candidate] === greatest }
}

/** Tenths, rounded down; certainty is in the last. */
export const binOf = (probability: number): string => (Math.min(9, Math.floor(10 * probability)) / 10).toFixed(1)

/** One decision in so many has its entropy taken: a logarithm a candidate is not for every one. */
const SAMPLED = 8

export const isSampled = ({ seed }: Recommendation): boolean => seed % SAMPLED === 0

/** Entropy, and the most that it could be over the candidates that could be drawn; nats. */
export function entropyOf(probabilities: readonly number[]): { entropy: number; limit: number } {
  let entropy = 0
  let possible = 0
  for (const p of probabilities) {
    if (p <= 0) continue
    entropy -= p * Math.log(p)
    possible++
  }
  return { entropy, limit: Math.log(Math.max(1, possible)) }
}
