/** What records count for against a topic's max.message.bytes, and the batches that keep below it. */
import type { NewRecord } from './log.ts'

/** Before the records of a batch (kafka.apache.org/documentation/#recordbatch). */
export const BATCH_HEAD_BYTES = 61
/** So many small records make a batch too, so that no append holds up the others of its partition for long. */
const MAX_RECORDS = 5000

/** An upper bound of the bytes that a record takes in a batch, headers included. */
export function recordBytesAtMost({ key, value, headers = {} }: NewRecord): number {
  let bytes = 36 + (key?.length ?? 0) + (value?.length ?? 0)
  for (const name in headers) bytes += 10 + name.length * 3 + headers[name].length
  return bytes
}

export const batchBytesAtMost = (records: readonly NewRecord[]): number => {
  let bytes = BATCH_HEAD_BYTES
  for (const record of records) bytes += recordBytesAtMost(record)
  return bytes
}

/** Cuts records, in order, into as few batches as stay within `maxBytes`; one that exceeds it alone is a batch of its own. */
export function* inBatches<T extends NewRecord>(records: Iterable<T>, maxBytes: number): Generator<T[]> {
  let batch: T[] = []
  let size = BATCH_HEAD_BYTES
  for (const record of records) {
    const bytes = recordBytesAtMost(record)
    if (batch.length > 0 && (size + bytes > maxBytes || batch.length >= MAX_RECORDS)) {
      yield batch
      batch = []
      size = BATCH_HEAD_BYTES
    }
    batch.push(record)
    size += bytes
  }
  if (batch.length > 0) yield batch
}
