/**
 * Samples a slate without replacement, slot by slot, from the explorer's conditional given the slots before. What is
 * logged is what was drawn from; nothing edits a slate after sampling. A constraint (pins, quotas, diversity) can only be
 * a mask or a shift of a slot's conditional, which is why `available` is the one thing a slot depends on.
 */
import type { Random } from '../state/random.ts'
import type { Exploration } from './explorers/explorer.ts'

export interface Draw {
  /** Index of the candidate. */
  readonly candidate: number
  /** Its probability in the first slot; 0 when only a later slot could show it. */
  readonly firstDraw: number
  /** Its probability here given the slots before; these multiply to the slate's. */
  readonly conditional: number
}

export interface SampledSlate {
  readonly draws: readonly Draw[]
  /** The whole first-slot distribution, one entry a candidate. */
  readonly firstSlot: Float64Array
}

/** @param count candidates, 1 or more
 * @param slots wanted; the slate is shorter when there are fewer candidates */
export function sampleSlate(exploration: Exploration, random: Random, count: number, slots: number): SampledSlate {
  const available = new Uint8Array(count).fill(1)
  const firstSlot = new Float64Array(count)
  exploration.conditional(available, firstSlot)
  let probabilities = firstSlot
  const draws: Draw[] = []
  for (let slot = 0; slot < Math.min(slots, count); slot++) {
    if (slot === 1) probabilities = new Float64Array(count)
    if (slot > 0) exploration.conditional(available, probabilities)
    const candidate = drawFrom(probabilities, random.uniform())
    draws.push({ candidate, firstDraw: firstSlot[candidate], conditional: probabilities[candidate] })
    available[candidate] = 0
  }
  return { draws, firstSlot }
}

/** Inverse of the cumulative distribution. Never returns an index of probability 0, whatever the rounding. */
function drawFrom(probabilities: Float64Array, uniform: number): number {
  let left = uniform
  let last = -1
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i] <= 0) continue
    last = i
    left -= probabilities[i]
    if (left < 0) return i
  }
  return last
}
