/**
 * Samples a slate without replacement, slot by slot, from the explorer's conditional given the slots before. What is
 * logged is what was drawn from; nothing edits a slate after sampling. A constraint is a mask or a shift of a slot's
 * conditional (constraints/limits.ts), or takes a place before anything is drawn: a pin.
 */
import type { Random } from '../state/random.ts'
import { type Limits, tilt, unlimited } from './constraints/limits.ts'
import type { Exploration } from './explorers/explorer.ts'

export interface Draw {
  /** Index of the candidate. */
  readonly candidate: number
  /** Its probability in the first draw; 0 when only a later one could show it, and when it is pinned. */
  readonly firstDraw: number
  /** Its probability here given the slots before; these multiply to the slate's. 1 when it is pinned. */
  readonly conditional: number
  /** Put here by a rule. */
  readonly pinned: boolean
}

export interface SampledSlate {
  readonly draws: readonly Draw[]
  /** The whole distribution of the first draw, one entry a candidate; none when nothing was drawn. */
  readonly firstSlot: Float64Array
}

/** @param count candidates, 1 or more
 * @param slots wanted; the slate is shorter when nothing more may be drawn. A pin whose place is not reached then moves up. */
export function sampleSlate(
  exploration: Exploration,
  random: Random,
  count: number,
  slots: number,
  limits: Limits = unlimited(count),
): SampledSlate {
  const draws: Draw[] = []
  const pins = limits.pins.slice()
  let firstSlot: Float64Array = new Float64Array(0)
  let probabilities: Float64Array = firstSlot
  while (draws.length < slots) {
    const isDue = pins.length > 0 && pins[0].position <= draws.length
    if (isDue || !limits.open()) {
      const pin = pins.shift()
      if (pin === undefined) break
      draws.push({ candidate: pin.candidate, firstDraw: 0, conditional: 1, pinned: true })
    } else {
      if (probabilities === firstSlot) probabilities = new Float64Array(count)
      conditionalOf(exploration, limits, probabilities)
      if (firstSlot.length === 0) firstSlot = probabilities
      const candidate = drawFrom(probabilities, random.uniform())
      const conditional = probabilities[candidate]
      draws.push({ candidate, firstDraw: firstSlot[candidate], conditional, pinned: false })
    }
    limits.show(draws[draws.length - 1].candidate)
  }
  return { draws, firstSlot }
}

/** Of the next draw, once `limits` are open for it. */
export function conditionalOf(exploration: Exploration, { available, shift }: Limits, out: Float64Array): void {
  exploration.conditional(available, out)
  if (shift) tilt(out, shift)
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
