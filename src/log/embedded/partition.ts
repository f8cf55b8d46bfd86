/**
 * One partition of the embedded log, in memory: whole batches in offset order, and the readers that wait at its end.
 * Batches stay whole, as on a real broker: a read returns all of a batch or none of it, save records below its offset.
 */
import { FeedloopError } from '../../errors.ts'
import type { Ends, LogRecord, NewRecord, ReadOptions } from '../log.ts'

export interface Batch {
  readonly baseOffset: number
  readonly records: readonly LogRecord[]
  readonly bytes: number
}

/** What a record counts for against max.message.bytes: near enough to Kafka's encoding (v2) for a bound. */
const RECORD_OVERHEAD = 20
export const BATCH_OVERHEAD = 61

export function recordBytes(record: NewRecord): number {
  let bytes = RECORD_OVERHEAD + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const name in record.headers) bytes += name.length + record.headers[name].length + 4
  return bytes
}

const endOf = (batch: Batch) => batch.baseOffset + batch.records.length

export class Partition {
  readonly #name: string
  #batches: Batch[] = []
  #earliest: number
  #latest: number
  #closed = false
  #waiting = new Set<() => void>()

  constructor(name: string, batches: Batch[] = [], ends: Ends = { earliest: 0, latest: 0 }) {
    this.#name = name
    this.#batches = batches
    this.#earliest = ends.earliest
    this.#latest = ends.latest
    this.#batches.splice(0, this.#indexOf(this.#earliest))
  }

  get ends(): Ends {
    return { earliest: this.#earliest, latest: this.#latest }
  }

  add(batch: Batch): void {
    this.#batches.push(batch)
    this.#latest = endOf(batch)
    this.#wake()
  }

  /** Lets every waiting reader go with what there is. */
  close(): void {
    this.#closed = true
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const look of waiting) look()
  }

  async read(offset: number, { maxBytes = 1 << 20, waitMs = 0, signal }: ReadOptions): Promise<LogRecord[]> {
    const deadline = performance.now() + waitMs
    for (;;) {
      const records = this.#collect(offset, maxBytes)
      const left = deadline - performance.now()
      if (records.length > 0 || left <= 0 || this.#closed || signal?.aborted) return records
      await this.#changed(left, signal)
    }
  }

  offsetForTime(timeMs: number): number {
    for (const { records } of this.#batches) {
      const found = records.find(record => record.timestampMs >= timeMs && record.offset >= this.#earliest)
      if (found) return found.offset
    }
    return this.#latest
  }

  /** Retention: everything below `offset` is gone. */
  truncateFront(offset: number): void {
    this.#earliest = Math.max(this.#earliest, Math.min(offset, this.#latest))
    this.#batches.splice(0, this.#indexOf(this.#earliest))
    this.#wake()
  }

  /** A log that rolled back: every batch that reaches beyond `offset` is gone. Returns the new end. */
  truncateTail(offset: number): number {
    const keep = this.#batches.filter(batch => endOf(batch) <= offset)
    if (keep.length < this.#batches.length) this.#latest = this.#batches[keep.length].baseOffset
    this.#batches = keep
    this.#earliest = Math.min(this.#earliest, this.#latest)
    this.#wake()
    return this.#latest
  }

  #collect(offset: number, maxBytes: number): LogRecord[] {
    if (!(offset >= this.#earliest && offset <= this.#latest))
      throw new FeedloopError(
        'OFFSET_OUT_OF_RANGE',
        `${this.#name}: ${offset} is not in ${this.#earliest} … ${this.#latest}`,
      )
    const records: LogRecord[] = []
    let bytes = 0
    for (let i = this.#indexOf(offset); i < this.#batches.length; i++) {
      const batch = this.#batches[i]
      bytes += batch.bytes
      if (records.length > 0 && bytes > maxBytes) break
      for (const record of batch.records) if (record.offset >= offset) records.push(record)
    }
    return records
  }

  /** Index of the first batch that ends beyond `offset`. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (endOf(this.#batches[middle]) > offset) high = middle
      else low = middle + 1
    }
    return low
  }

  #changed(waitMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, Math.ceil(waitMs))
      signal?.addEventListener('abort', done)
      this.#waiting.add(done)
    })
  }
}
