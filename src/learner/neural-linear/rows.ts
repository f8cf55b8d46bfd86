/**
 * The decisions from which towers and head are learned: a ring of the newest by order of arrival, with the cumulative reward
 * of each (class `replace`). They are part of every checkpoint, one tensor each, so that learning goes on after a restart
 * as if never stopped, and late rewards still find their decision.
 * As a tensor: [order, revision, decision time ms, weight, components C, C rewards, state dimensions S, state, item vector].
 */
import type { Tensor } from '../../../schemas/records.ts'
import { decodeTensor, encodeTensor } from '../tensors.ts'

export type Rewards = Readonly<Record<string, number>>

export interface Row {
  readonly transitionId: string
  readonly itemId: string
  /** Place in the order of arrival, from 0. */
  readonly order: number
  readonly timeMs: number
  readonly weight: number
  readonly state: Float64Array
  /** Of the item that was shown. */
  readonly vector: Float32Array
  revision: number
  /** Cumulative, by component. */
  rewards: Rewards
}

export interface Rows extends Iterable<Row> {
  readonly size: number
  get(transitionId: string): Row | undefined
  /** @param index 0: the oldest */
  at(index: number): Row
  /** @returns the row that had to go, if one had to */
  add(row: Row): Row | undefined
  /** Order of the next row. */
  readonly next: number
}

/** @param restored in any order; of more than `capacity` the newest are kept */
export function createRows(capacity: number, restored: readonly Row[] = []): Rows {
  const kept = restored.toSorted((a, b) => a.order - b.order).slice(-capacity)
  const ring: Row[] = []
  const places = new Map<string, Row>()
  let next = kept[0]?.order ?? 0
  const at = (index: number): Row => ring[(next - places.size + index) % capacity]
  const add = (row: Row): Row | undefined => {
    const oldest = places.size === capacity ? at(0) : undefined
    if (oldest) places.delete(oldest.transitionId)
    ring[row.order % capacity] = row
    places.set(row.transitionId, row)
    next = row.order + 1
    return oldest
  }
  kept.forEach(add)
  return {
    at,
    add,
    get: transitionId => places.get(transitionId),
    get size() {
      return places.size
    },
    get next() {
      return next
    },
    *[Symbol.iterator]() {
      for (let i = 0; i < places.size; i++) yield at(i)
    },
  }
}

const PREFIX = 'row/'
const HEADER = 5

export const rowName = ({ transitionId, itemId }: Row): string => PREFIX + JSON.stringify([transitionId, itemId])
export const isRow = ({ name }: Tensor): boolean => name.startsWith(PREFIX)

/** Bytes that a row takes in a checkpoint, about. */
export const rowBytes = (stateDimensions: number, itemDimensions: number, components: number): number =>
  8 * (HEADER + 1 + components + stateDimensions + itemDimensions) + 128

/** @param components in the order in which a row's rewards stand */
export function encodeRow(row: Row, components: readonly string[]): Tensor {
  const rewards = components.map(component => row.rewards[component] ?? 0)
  const numbers = [row.order, row.revision, row.timeMs, row.weight, rewards.length, ...rewards, row.state.length]
  return encodeTensor(rowName(row), Float64Array.of(...numbers, ...row.state, ...row.vector))
}

/** @throws FeedloopError MODEL_INCOMPATIBLE */
export function decodeRow(tensor: Tensor, components: readonly string[]): Row {
  const [transitionId, itemId] = JSON.parse(tensor.name.slice(PREFIX.length)) as [string, string]
  const values = decodeTensor(tensor, 'float64')
  const [order, revision, timeMs, weight, count] = values
  const state = HEADER + count + 1
  const vector = state + values[state - 1]
  return {
    transitionId,
    itemId,
    order,
    timeMs,
    weight,
    revision,
    rewards: Object.fromEntries(components.slice(0, count).map((component, i) => [component, values[HEADER + i]])),
    state: values.slice(state, vector),
    vector: Float32Array.from(values.subarray(vector)),
  }
}
