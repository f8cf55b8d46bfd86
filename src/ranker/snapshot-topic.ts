/** One partition of `snapshots`: its last floor, its records, appends that see who else writes. */
import type { Logger } from 'pino'
import type { Floor, UserSnapshot } from '../../schemas/records.ts'
import { decodeOrPass } from '../log/chain/codec.ts'
import { type ChainIo, retrying } from '../log/chain/rim.ts'
import type { LogRecord, NewRecord } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import { topicName } from '../pipeline.ts'

export interface SnapshotTopic {
  /** The last floor, and the keys of what was written after the snapshots that it speaks of. */
  lastFloor(): Promise<{ readonly floor: Floor | null; readonly late: readonly string[] }>
  /** Keys and snapshots from an offset to where the log ended when this was made; null: deleted. */
  read(from: number): AsyncIterable<Entry>
  record(key: string, snapshot: UserSnapshot | null): NewRecord
  /** Returns the keys of records that somebody else has appended since our last. @throws FeedloopError of the log */
  append(records: readonly NewRecord[]): Promise<readonly string[]>
  /** Offset behind what was read or appended. */
  end(): number
}

export interface Entry {
  readonly key: string
  readonly snapshot: UserSnapshot | null
  readonly offset: number
}

export interface TopicOptions {
  readonly wire: Wire
  readonly logger: Logger
  readonly prefix: string
  readonly partition: number
}

/** Records from the end at which the floor is looked for, and by how much that widens. */
const TAIL = 1000
const TAIL_GROWTH = 8
const READ_BYTES = 4 << 20

/** @throws FeedloopError TOPIC_UNKNOWN */
export async function openSnapshotTopic(
  io: ChainIo,
  { wire, logger, prefix, partition }: TopicOptions,
): Promise<SnapshotTopic> {
  const topic = topicName(prefix, 'snapshots')
  const { earliest, latest } = await retrying(io, () => io.log.ends(topic, partition))
  let end = latest

  async function* records(from: number, to: number): AsyncIterable<LogRecord> {
    for (let offset = Math.max(from, earliest); offset < to; ) {
      const batch = await retrying(io, () =>
        io.log.read(topic, partition, offset, { maxBytes: READ_BYTES, waitMs: 100 }),
      )
      for (const record of batch) if (record.offset < to) yield record
      // Compaction leaves the end of a log without a record behind the last batch.
      if (batch.length === 0 && (await retrying(io, () => io.log.ends(topic, partition))).latest >= to) return
      if (batch.length > 0) offset = batch.at(-1)!.offset + 1
    }
  }
  const entryOf = async (record: LogRecord): Promise<Entry | null> => {
    const { key, value, offset } = record
    if (key === null) return null
    const snapshot = await decodeOrPass<UserSnapshot>(io, { wire, logger }, 'snapshots', record)
    return value !== null && snapshot === null ? null : { key: key.toString(), snapshot, offset }
  }
  async function* read(from: number, to: number): AsyncIterable<Entry> {
    for await (const record of records(from, to)) {
      const entry = await entryOf(record)
      if (entry !== null) yield entry
    }
  }
  return {
    async lastFloor() {
      for (let count = TAIL; ; count *= TAIL_GROWTH) {
        const from = Math.max(earliest, latest - count)
        let last: Entry | null = null
        for await (const entry of read(from, latest)) if (entry.key === '' && entry.snapshot?.floor) last = entry
        if (last === null && from > earliest) continue
        if (last === null) return { floor: null, late: [] }
        const floor = last.snapshot!.floor!
        // It speaks of records that are not there: the topic was made anew, or lost its end.
        if (floor.until > last.offset) return { floor: null, late: [] }
        // What a rebuild has voided ends with the record that says so.
        if (floor.point === null)
          return { floor: { ...floor, since: last.offset + 1, until: last.offset + 1 }, late: [] }
        const late = new Set<string>()
        for await (const { key } of read(floor.until, latest)) if (key !== '') late.add(key)
        return { floor, late: [...late] }
      }
    },
    read: from => read(from, latest),
    record: (key, snapshot) => ({ key: Buffer.from(key), value: snapshot && wire.encode('snapshots', snapshot) }),
    async append(batch) {
      const base = await io.log.append(topic, partition, batch)
      const others = new Set<string>()
      if (base > end) for await (const { key } of records(end, base)) if (key?.length) others.add(key.toString())
      end = base + batch.length
      return [...others]
    },
    end: () => end,
  }
}
