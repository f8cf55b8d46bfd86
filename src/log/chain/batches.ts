/**
 * Cuts a stream of records into the batches that the writers appended: a record with an `fl-step` header and the
 * `count - 1` records after it. Reads may end inside a batch; the rest is awaited. A record that belongs to no header
 * was written by somebody else, which a chained topic forbids.
 */
import { FeedloopError } from '../../errors.ts'
import type { LogRecord } from '../log.ts'
import type { Head, StepHeader } from './header.ts'
import { decodeHeader, STEP_HEADER } from './header.ts'

/** A batch as it stands in the log, accepted or not. */
export interface Batch {
  readonly head: Head
  readonly header: StepHeader
  /** Its output records: the one record of a batch that only carries progress is left out. */
  readonly records: readonly LogRecord[]
  /** The offset after its last record. */
  readonly end: number
}

const where = (record: LogRecord): string => `${record.topic}/${record.partition}@${record.offset}`

const headOf = (offset: number, header: StepHeader): Head =>
  header.epoch > 0 ? { offset, id: header.id, epoch: header.epoch } : { offset, id: header.id }

/**
 * @param startsInside the stream may begin inside a batch; records before the first header are dropped
 * @throws FeedloopError CHAIN_HEADER_INVALID (from the returned function)
 */
export function batchCutter(startsInside: boolean): (records: readonly LogRecord[]) => Batch[] {
  let header: StepHeader | null = null
  let records: LogRecord[] = []
  let dropping = startsInside

  const open = (record: LogRecord): boolean => {
    const bytes = record.headers[STEP_HEADER]
    if (bytes === undefined && dropping) return false
    if (bytes === undefined) throw new FeedloopError('CHAIN_HEADER_INVALID', `${where(record)} belongs to no step`)
    dropping = false
    header = decodeHeader(bytes)
    records = []
    return true
  }
  const take = (record: LogRecord): Batch | null => {
    if (header === null && !open(record)) return null
    const current = header!
    const follows =
      records.length === 0 ||
      (record.offset === records[0]!.offset + records.length && record.headers[STEP_HEADER] === undefined)
    if (!follows) throw new FeedloopError('CHAIN_HEADER_INVALID', `${where(record)} breaks into the step before it`)
    records.push(record)
    if (records.length < current.count) return null
    header = null
    return {
      head: headOf(records[0]!.offset, current),
      header: current,
      records: current.outputs === 0 ? [] : records,
      end: record.offset + 1,
    }
  }
  return stream => {
    const batches: Batch[] = []
    for (const record of stream) {
      const batch = take(record)
      if (batch !== null) batches.push(batch)
    }
    return batches
  }
}
