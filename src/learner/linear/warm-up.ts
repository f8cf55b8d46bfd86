/**
 * How the feature map is found from the past alone, and yet the same for any order of arrival. The first decisions are
 * kept whole. Each time their number doubles the map is made anew from them and they are learned again under it, so what
 * was learned early is not lost; when `SETTLE_PART` times `decisions` are there the map is made for the last time, from
 * the earliest `decisions` of them by decision time, and the rows are dropped. From then on it never changes: sums stay sums.
 * Late arrivals change nothing as long as they are late by fewer decisions than the surplus over `decisions`.
 * As a tensor, one a row: [decision time ms, weight, initial seen, components C, C rewards, state].
 */
import type { Tensor } from '../../../schemas/records.ts'
import { decodeTensor, encodeTensor } from '../tensors.ts'
import type { LearnedTransition } from '../wire.ts'

export interface Row {
  readonly transitionId: string
  readonly itemId: string
  readonly timeMs: number
  readonly weight: number
  /** The initial revision has come: it counts in A. */
  seen: boolean
  readonly state: Float64Array
  /** Summed changes by component index. */
  readonly rewards: number[]
}

export interface WarmUp {
  /** Decisions whose numbers the settled map is made from; 0: the map needs none. */
  readonly decisions: number
  settled: boolean
  readonly rows: Map<string, Row>
  seen: number
}

/** A surplus of half: decisions may come that many places late. */
const SETTLE_PART = 1.5
const FIRST = 4
const PREFIX = 'warm-up/'

export const createWarmUp = (decisions: number): WarmUp => ({
  decisions,
  settled: decisions === 0,
  rows: new Map(),
  seen: 0,
})

/** Keeps what a revision says. @returns true when the map is to be made anew now */
export function keep(
  warmUp: WarmUp,
  transition: LearnedTransition,
  state: Float64Array,
  indexOf: (component: string) => number,
): boolean {
  const { transition_id: transitionId, decision_time_ms: timeMs, weight } = transition
  let row = warmUp.rows.get(transitionId)
  if (!row) {
    row = { transitionId, itemId: transition.action[0], timeMs, weight, seen: false, state, rewards: [] }
    warmUp.rows.set(transitionId, row)
  }
  for (const [component, delta] of Object.entries(transition.delta)) {
    const index = indexOf(component)
    while (row.rewards.length <= index) row.rewards.push(0)
    row.rewards[index] += delta
  }
  if (transition.kind !== 'initial') return false
  row.seen = true
  warmUp.seen++
  return isComplete(warmUp) || (warmUp.seen >= FIRST && Number.isInteger(Math.log2(warmUp.seen)))
}

export const isComplete = ({ seen, decisions }: WarmUp): boolean => seen >= SETTLE_PART * decisions

/** The rows by decision time, then id: the same order whatever came when. */
export const inOrder = ({ rows }: WarmUp): Row[] =>
  [...rows.values()].sort((a, b) => a.timeMs - b.timeMs || (a.transitionId < b.transitionId ? -1 : 1))

const rowName = ({ transitionId, itemId }: Row): string => PREFIX + JSON.stringify([transitionId, itemId])

export const isRow = (name: string): boolean => name.startsWith(PREFIX)

export function encodeRow(row: Row): Tensor {
  const { timeMs, weight, seen, rewards, state } = row
  const values = Float64Array.of(timeMs, weight, seen ? 1 : 0, rewards.length, ...rewards, ...state)
  return encodeTensor(rowName(row), values)
}

export function decodeRow(tensor: Tensor): Row {
  const [transitionId, itemId] = JSON.parse(tensor.name.slice(PREFIX.length)) as [string, string]
  const values = decodeTensor(tensor, 'float64')
  const end = 4 + values[3]
  const rewards = [...values.subarray(4, end)]
  return {
    transitionId,
    itemId,
    timeMs: values[0],
    weight: values[1],
    seen: values[2] === 1,
    rewards,
    state: values.slice(end),
  }
}
