/**
 * Who looks at which place of a slate: the position-based model P(click | item i at k) = θ_k γ_i (Craswell et al., WSDM
 * 2008), estimated from the stream. What tells θ from γ is that the same item stands at several places, which exploration
 * sees to (intervention harvesting, Agarwal et al., arXiv 1812.05161). With w-weighted counts n_ik of showings and c_ik of
 * clicks, the quasi-Poisson maximum of the likelihood is the fixed point of
 *   γ_i = Σ_k c_ik / Σ_k n_ik θ_k,   θ_k = Σ_i c_ik / Σ_i n_ik γ_i,   θ_0 = 1,
 * with a few prior showings at θ_k = 1 / (1 + k). w = 1 / propensity, capped, since who is shown an item high up is who
 * likes it. A decision's φφᵀ then counts θ_k: E[Σ click φ] = E[Σ θ_k φφᵀ] times the liking. θ is that of the first place
 * = 1, and position is no feature: serving never asks for it.
 */
import type { Tensor, Transition } from '../../schemas/records.ts'
import { decodeTensor, encodeTensor } from './tensors.ts'

export interface Positions {
  /** Takes note of a revision: showings by initial ones, clicks by the first reward, taken back with the last. */
  count(transition: Transition): void
  /** Probability that a place is looked at, relative to the first; by the last fit. */
  examination(position: number): number
  add(tensors: readonly Tensor[]): void
  encode(): Tensor[]
}

const PLACES = 50
const MAX_ITEMS = 500
const LARGEST_WEIGHT = 20
const PRIOR_SHOWINGS = 20
const ROUNDS = 50
/** Fitted anew when there are this many times the clicks of the last fit. */
const REFIT = 1.1
const FIRST_FIT_CLICKS = 20
const ITEM = 'position/item/'
const FIT = 'position/fit'

/** Showings, then clicks, by place. */
type Counts = Float64Array

export function createPositions(): Positions {
  const items = new Map<string, Counts>()
  let theta: Float64Array = Float64Array.from({ length: PLACES }, (_, k) => priorOf(k))
  let clicks = 0
  let fitted = 0
  const refit = (): void => {
    if (clicks < Math.max(FIRST_FIT_CLICKS, REFIT * fitted)) return
    theta = fit([...items.values()], theta)
    fitted = clicks
  }
  return {
    count(transition) {
      const { slot, slots, action, kind } = transition
      if (slots < 2 || slot < 0 || slot >= PLACES) return
      const counts = items.get(action[0]) ?? (items.size < MAX_ITEMS ? new Float64Array(2 * PLACES) : undefined)
      if (!counts) return
      items.set(action[0], counts)
      const weight = weightOf(transition)
      if (kind === 'initial') counts[slot] += weight
      const change = clickChange(transition)
      counts[PLACES + slot] += change * weight
      clicks += change
      if (change > 0) refit()
    },
    examination: position => theta[Math.min(position, PLACES - 1)],
    add(tensors) {
      for (const { name, ...rest } of tensors) {
        if (name.startsWith(ITEM)) addInto(items, name.slice(ITEM.length), decodeTensor({ name, ...rest }, 'float64'))
        else if (name === FIT) {
          const values = decodeTensor({ name, ...rest }, 'float64')
          clicks += values[0]
          fitted = values[1]
          theta = values.slice(2)
        }
      }
    },
    encode: () =>
      items.size === 0
        ? []
        : [
            encodeTensor(FIT, Float64Array.of(clicks, fitted, ...theta)),
            ...Array.from(items, ([item, counts]) => encodeTensor(ITEM + item, counts.slice())),
          ],
  }
}

const priorOf = (position: number): number => 1 / (1 + position)

function addInto(items: Map<string, Counts>, item: string, values: Counts): void {
  const known = items.get(item)
  items.set(item, known ? known.map((value, i) => value + values[i]) : values)
}

const weightOf = ({ propensity, propensity_kind: kind }: Transition): number =>
  kind === 'exact' && propensity > 0 ? Math.min(LARGEST_WEIGHT, 1 / propensity) : 1

/** 1: the first reward of the slot; -1: its last was taken back. The sum over the revisions does not depend on their order. */
function clickChange({ delta, cumulative }: Transition): number {
  const isClicked = (reward: (type: string) => number) =>
    Object.keys({ ...delta, ...cumulative }).some(type => reward(type) > 0)
  const after = isClicked(type => cumulative[type] ?? 0)
  const before = isClicked(type => (cumulative[type] ?? 0) - (delta[type] ?? 0))
  return Number(after) - Number(before)
}

function fit(items: readonly Counts[], from: Float64Array): Float64Array {
  const theta = from.slice()
  const gamma = new Float64Array(items.length)
  const overall =
    items.reduce((sum, counts) => sum + total(counts, PLACES), 0) /
    items.reduce((sum, counts) => sum + total(counts, 0), 0)
  for (let round = 0; round < ROUNDS; round++) {
    items.forEach((counts, i) => {
      let shown = 0
      for (let k = 0; k < PLACES; k++) shown += counts[k] * theta[k]
      gamma[i] = shown > 0 ? total(counts, PLACES) / shown : 0
    })
    for (let k = 0; k < PLACES; k++) {
      let clicked = PRIOR_SHOWINGS * overall * priorOf(k)
      let expected = PRIOR_SHOWINGS * overall
      items.forEach((counts, i) => {
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
