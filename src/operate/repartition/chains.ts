/** A chain that is written anew from the records of others, batch after batch, by its first and only writer. */
import { FeedloopError } from '../../errors.ts'
import { type Head, type InputPosition, STEP_HEADER, type StepHeader } from '../../log/chain/header.ts'
import type { ChainIo, Partition } from '../../log/chain/rim.ts'
import { createWriter } from '../../log/chain/writer.ts'
import type { LogRecord, NewRecord } from '../../log/log.ts'
import { recordBytesAtMost } from '../../log/size.ts'

/** An accepted batch of the new chain, as its readers' positions name it. */
export interface Place {
  readonly next: number
  readonly head: Head
}

export interface NewChain {
  /** Appends one step. */
  step(inputs: readonly InputPosition[], outputs?: readonly NewRecord[]): Promise<Place>
  /** Every step so far. */
  readonly places: readonly Place[]
  /** The last one; null before the first. */
  readonly last: { readonly baseOffset: number; readonly header: StepHeader } | null
}

/** @param tick of every step @throws FeedloopError CHAIN_IDENTITY_LOST when somebody else writes there */
export function openNewChain(io: ChainIo, at: Partition, partitions: number, tick: StepHeader['tick']): NewChain {
  const writer = createWriter(io, at, { head: null, end: 0, partitions })
  const places: Place[] = []
  let last: NewChain['last'] = null
  return {
    places,
    get last() {
      return last
    },
    async step(inputs, outputs = []) {
      const id = io.rim.randomId()
      const from = places.length === 0 ? { from: inputs.map(() => 0) } : {}
      const [own] = await writer.append(id, { inputs, tick, ...from }, outputs)
      if (own?.header.id !== id)
        throw new FeedloopError('CHAIN_IDENTITY_LOST', `${at.topic}/${at.partition} is written by somebody else`)
      const place = { next: own.end, head: own.head }
      places.push(place)
      last = { baseOffset: own.head.offset, header: own.header }
      return place
    },
  }
}

/** A record as it was, without the step that it began. */
export function bare({ key, value, headers, timestampMs }: LogRecord): NewRecord {
  const { [STEP_HEADER]: _, ...others } = headers
  return { key, value, headers: others, timestampMs }
}

const RECORDS = 500
const BYTES = 400_000

/** Gathers records and hands them on in batches that fit any topic. */
export function gather(append: (records: readonly NewRecord[]) => Promise<void>) {
  let records: NewRecord[] = []
  let bytes = 0
  const flush = async (): Promise<void> => {
    const batch = records
    records = []
    bytes = 0
    if (batch.length > 0) await append(batch)
  }
  return {
    flush,
    async add(record: NewRecord): Promise<void> {
      const own = recordBytesAtMost(record)
      if (records.length > 0 && (records.length >= RECORDS || bytes + own > BYTES)) await flush()
      records.push(record)
      bytes += own
    },
  }
}
