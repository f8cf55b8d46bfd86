/**
 * Decisions that wait until they count whole, in queues by age bucket (delay.ts), each in order of decision time, then id:
 * the same order however they came, and after a restart. A row as a tensor:
 * [decision time ms, weight, initial seen, begun, inactive, counted, bucket, types T, T buckets of first rewards (-1: none), state].
 */
import type { Tensor } from '../../schemas/records.ts'
import { edgeMs } from './delay.ts'
import { decodeTensor, encodeTensor } from './tensors.ts'

export interface Row {
  readonly id: string
  readonly itemId: string
  readonly timeMs: number
  /** Full weight of its φφᵀ. */
  weight: number
  /** The initial revision has come. */
  initial: boolean
  /** It counts: its life is in the delay sums. */
  begun: boolean
  /** Known not to have been looked at. */
  inactive: boolean
  /** Part of the weight that was counted. */
  counted: number
  /** Age bucket that it is in. */
  bucket: number
  /** Bucket of the first reward by index of the type; -1: none. */
  readonly firsts: number[]
  readonly state: Float64Array
}

export interface Waiting {
  readonly size: number
  get(id: string): Row | undefined
  /** Adds a row to the queue of its bucket. */
  put(row: Row): void
  /** The rows whose bucket is over at `nowMs`, out of their queues. */
  takeDue(nowMs: number): Row[]
  /** The oldest row, out of its queue. */
  takeOldest(): Row | undefined
  drop(row: Row): void
  rows(): IterableIterator<Row>
  clear(): void
}

const isBefore = (a: Row, b: Row): boolean => a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.id < b.id)

/** @param windowMs age from which nothing waits, whatever its bucket */
export function createWaiting(windowMs: number): Waiting {
  const rows = new Map<string, Row>()
  const queues: Queue[] = []
  const queueOf = (bucket: number): Queue => {
    queues[bucket] ??= createQueue()
    return queues[bucket]
  }
  const isOver = ({ timeMs }: Row, nowMs: number, bucket: number): boolean =>
    nowMs - timeMs > edgeMs(bucket) || nowMs - timeMs >= windowMs
  return {
    get size() {
      return rows.size
    },
    get: id => rows.get(id),
    put(row) {
      rows.set(row.id, row)
      queueOf(row.bucket).add(row)
    },
    takeDue(nowMs) {
      const due: Row[] = []
      queues.forEach((queue, bucket) => {
        for (let head = queue.head(); head && isOver(head, nowMs, bucket); head = queue.head()) due.push(queue.take())
      })
      return due
    },
    takeOldest: () => queues.findLast(queue => queue?.head())?.take(),
    drop: row => void rows.delete(row.id),
    rows: () => rows.values(),
    clear() {
      rows.clear()
      queues.length = 0
    },
  }
}

interface Queue {
  add(row: Row): void
  head(): Row | undefined
  take(): Row
}

/** Sorted; rows come about in order, so that a place is found from the end. */
function createQueue(): Queue {
  let rows: Row[] = []
  let from = 0
  return {
    add(row) {
      let at = rows.length
      while (at > from && isBefore(row, rows[at - 1])) at--
      if (at === rows.length) rows.push(row)
      else rows.splice(at, 0, row)
    },
    head: () => rows[from],
    take() {
      const row = rows[from++]
      if (from > 1024 && 2 * from > rows.length) {
        rows = rows.slice(from)
        from = 0
      }
      return row
    },
  }
}

const PREFIX = 'waiting/'
const HEADER = 8

export const rowName = ({ id, itemId }: Row): string => PREFIX + JSON.stringify([id, itemId])
export const isRow = ({ name }: Tensor): boolean => name.startsWith(PREFIX)

export function encodeRow(row: Row): Tensor {
  const flags = [row.initial, row.begun, row.inactive].map(Number)
  const numbers = [row.timeMs, row.weight, ...flags, row.counted, row.bucket, row.firsts.length, ...row.firsts]
  return encodeTensor(rowName(row), Float64Array.of(...numbers, ...row.state))
}

/** @throws FeedloopError MODEL_INCOMPATIBLE */
export function decodeRow(tensor: Tensor): Row {
  const [id, itemId] = JSON.parse(tensor.name.slice(PREFIX.length)) as [string, string]
  const values = decodeTensor(tensor, 'float64')
  const [timeMs, weight, initial, begun, inactive, counted, bucket, types] = values
  const flags = { initial: initial === 1, begun: begun === 1, inactive: inactive === 1 }
  const firsts = [...values.subarray(HEADER, HEADER + types)]
  return { id, itemId, timeMs, weight, ...flags, counted, bucket, firsts, state: values.slice(HEADER + types) }
}
