/**
 * Who looks at which place of a slate: the position-based model P(click | item i at k) = θ_k γ_i (Craswell et al., WSDM
 * 2008), estimated from the stream. What tells θ from γ is that the same item stands at several places, which exploration
 * sees to (intervention harvesting, Agarwal et al., arXiv 1812.05161). With counts n_uk of showings and c_uk of clicks, the
 * quasi-Poisson maximum of the likelihood is the fixed point of
 *   γ_u = Σ_k c_uk / Σ_k n_uk θ_k,   θ_k = Σ_u c_uk / Σ_u n_uk γ_u,   θ_0 = 1,
 * with a few prior showings at θ_k = 1 / (1 + k). A unit u is an item among decisions of about the same first-draw
 * propensity: who is shown an item high up is who likes it, and within a stratum of the propensity the place is about
 * random (Rosenbaum & Rubin 1983). A decision's φφᵀ then counts θ_k, since E[click φ] = θ_k γ φ. The weight must not
 * depend on the click: to count clicked ones whole and others by θ_k would be biased. Position is no feature: serving
 * never asks for it.
 */
import type { Tensor } from '../../schemas/records.ts'
import { decodeTensor, encodeTensor } from './tensors.ts'
import type { LearnedTransition } from './wire.ts'

export interface Positions {
  /** Takes note of a revision: showings by initial ones, clicks by the first reward, taken back with the last. */
  count(transition: LearnedTransition): void
  /** Probability that a place is looked at, relative to the first; by the last fit. */
  examination(position: number): number
  add(tensors: readonly Tensor[]): void
  encode(): Tensor[]
}

const PLACES = 50
const MAX_UNITS = 1000
/** Strata are powers of four of the propensity; the last holds the rest. */
const STRATUM_BITS = 2
const LAST_STRATUM = 4
const PRIOR_SHOWINGS = 20
const ROUNDS = 50
/** Fitted anew when there are this many times the clicks of the last fit. */
const REFIT = 1.1
const FIRST_FIT_CLICKS = 20
const UNIT = 'position/unit/'
const FIT = 'position/fit'

/** Showings, then clicks, by place. */
type Counts = Float64Array

export function createPositions(): Positions {
  const units = new Map<string, Counts>()
  let theta: Float64Array = Float64Array.from({ length: PLACES }, (_, k) => priorOf(k))
  let clicks = 0
  let fitted = 0
  const refit = (): void => {
    if (clicks < Math.max(FIRST_FIT_CLICKS, REFIT * fitted)) return
    theta = fit([...units.values()], theta)
    fitted = clicks
  }
  return {
    count(transition) {
      const { slot, slots, kind } = transition
      if (slots < 2 || slot < 0 || slot >= PLACES) return
      const unit = unitOf(transition)
      const counts = units.get(unit) ?? (units.size < MAX_UNITS ? new Float64Array(2 * PLACES) : undefined)
      if (!counts) return
      units.set(unit, counts)
      if (kind === 'initial') counts[slot]++
      const change = clickChange(transition)
      counts[PLACES + slot] += change
      clicks += change
      if (change > 0) refit()
    },
    examination: position => theta[Math.min(position, PLACES - 1)],
    add(tensors) {
      for (const { name, ...rest } of tensors) {
        if (name.startsWith(UNIT)) addInto(units, name.slice(UNIT.length), decodeTensor({ name, ...rest }, 'float64'))
        else if (name === FIT) {
          const values = decodeTensor({ name, ...rest }, 'float64')
          clicks += values[0]
          fitted = values[1]
          theta = values.slice(2)
        }
      }
    },
    encode: () =>
      units.size === 0
        ? []
        : [
            encodeTensor(FIT, Float64Array.of(clicks, fitted, ...theta)),
            ...Array.from(units, ([unit, counts]) => encodeTensor(UNIT + unit, counts.slice())),
          ],
  }
}

const priorOf = (position: number): number => 1 / (1 + position)

function addInto(units: Map<string, Counts>, unit: string, values: Counts): void {
  const known = units.get(unit)
  units.set(unit, known ? known.map((value, i) => value + values[i]) : values)
}

/** The item among decisions that were as ready to show it first. */
function unitOf({ action, first_draw_propensity: propensity, propensity_kind: kind }: LearnedTransition): string {
  if (kind !== 'exact') return action[0]
  const stratum = Math.min(LAST_STRATUM, Math.floor(-Math.log2(Math.max(propensity, Number.MIN_VALUE)) / STRATUM_BITS))
  return `${action[0]}@${stratum}`
}

/** 1: the first reward of the slot; -1: its last was taken back. The sum over the revisions does not depend on their order. */
function clickChange({ delta, cumulative }: LearnedTransition): number {
  const isClicked = (reward: (type: string) => number) =>
    Object.keys({ ...delta, ...cumulative }).some(type => reward(type) > 0)
  const after = isClicked(type => cumulative[type] ?? 0)
  const before = isClicked(type => (cumulative[type] ?? 0) - (delta[type] ?? 0))
  return Number(after) - Number(before)
}

function fit(units: readonly Counts[], from: Float64Array): Float64Array {
  const theta = from.slice()
  const gamma = new Float64Array(units.length)
  const overall =
    units.reduce((sum, counts) => sum + total(counts, PLACES), 0) /
    units.reduce((sum, counts) => sum + total(counts, 0), 0)
  for (let round = 0; round < ROUNDS; round++) {
    units.forEach((counts, i) => {
      let shown = 0
      for (let k = 0; k < PLACES; k++) shown += counts[k] * theta[k]
      gamma[i] = shown > 0 ? total(counts, PLACES) / shown : 0
    })
    for (let k = 0; k < PLACES; k++) {
      let clicked = PRIOR_SHOWINGS * overall * priorOf(k)
      let expected = PRIOR_SHOWINGS * overall
      units.forEach((counts, i) => {
        clicked += counts[PLACES + k]
        expected += counts[k] * gamma[i]
      })
      theta[k] = clicked / expected
    }
    for (let k = PLACES - 1; k >= 0; k--) theta[k] = Math.min(1, theta[k] / theta[0])
  }
  return theta
}

function total(counts: Counts, from: number): number {
  let sum = 0
  for (let k = from; k < from + PLACES; k++) sum += counts[k]
  return sum
}
