/** One partition of `snapshots`: its last floor, its records, appends that see who else writes and what the log has lost. */
import type { Logger } from 'pino'
import type { Floor, SnapshotPoint, UserSnapshot } from '../../schemas/records.ts'
import { isCode } from '../errors.ts'
import { decodeOrPass } from '../log/chain/codec.ts'
import { type ChainIo, retrying } from '../log/chain/rim.ts'
import type { LogRecord, NewRecord } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import type { Meter } from '../metrics.ts'
import { topicName } from '../pipeline.ts'

export interface SnapshotTopic {
  /** The last floor, and the keys of what was written after the snapshots that it speaks of. */
  lastFloor(): Promise<{ readonly floor: Floor | null; readonly late: readonly string[] }>
  /** Keys and snapshots from an offset to where the log ended when this was made. */
  read(from: number): AsyncIterable<Entry>
  /** @param contains the step after which there was nothing under the key, where `snapshot` is null */
  record(key: string, snapshot: UserSnapshot | null, contains?: SnapshotPoint): NewRecord
  /** @throws FeedloopError of the log */
  append(records: readonly NewRecord[]): Promise<Seen>
  /** What an append would see. @throws FeedloopError of the log */
  look(): Promise<Seen>
  /** Offset behind what was read or appended. */
  end(): number
}

export interface Entry {
  readonly key: string
  readonly offset: number
  /** Null: deleted, or unreadable. */
  readonly snapshot: UserSnapshot | null
  /** The step that it is of; null: a floor, or a deletion by who knows no steps (`feedloop forget`). */
  readonly contains: SnapshotPoint | null
  readonly unreadable: boolean
}

export interface Seen {
  /** Keys of records that somebody else has appended since we last looked. */
  readonly others: readonly string[]
  /** The log does not hold (any more) what we have appended before. */
  readonly lost: boolean
}

export interface TopicOptions {
  readonly wire: Wire
  readonly logger: Logger
  readonly meter: Meter
  readonly prefix: string
  readonly partition: number
}

/** Header of a deletion: JSON of the step that it is of. A snapshot says it itself. */
const CONTAINS = 'fl-contains'
/** Records from the end at which the floor is looked for, and by how much that widens. */
const TAIL = 1000
const TAIL_GROWTH = 8
const READ_BYTES = 4 << 20
const nothing = { floor: null, late: [] }

/** @throws FeedloopError TOPIC_UNKNOWN */
export async function openSnapshotTopic(
  io: ChainIo,
  { wire, logger, meter, prefix, partition }: TopicOptions,
): Promise<SnapshotTopic> {
  const topic = topicName(prefix, 'snapshots')
  const { earliest, latest } = await retrying(io, () => io.log.ends(topic, partition))
  let end = latest
  let last: { readonly offset: number; readonly record: NewRecord } | null = null
  const counted = new Set<number>()

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
  const count = (offset: number): void => {
    if (counted.has(offset)) return
    counted.add(offset)
    meter.add('feedloop_snapshots_unreadable_total')
  }
  const entryOf = async (record: LogRecord): Promise<Entry | null> => {
    const { value, offset } = record
    if (record.key === null) return null
    const key = record.key.toString()
    if (value === null) {
      const contains = stepOf(record.headers[CONTAINS])
      return { key, offset, snapshot: null, contains, unreadable: false }
    }
    const snapshot = await decodeOrPass<UserSnapshot>(io, { wire, logger }, 'snapshots', record)
    if (snapshot === null) count(offset)
    return { key, offset, snapshot, contains: snapshot?.contains ?? null, unreadable: snapshot === null }
  }
  async function* read(from: number, to: number): AsyncIterable<Entry> {
    for await (const record of records(from, to)) {
      const entry = await entryOf(record)
      if (entry !== null) yield entry
    }
  }
  /** Does our last record not stand where it was put? Compaction may have removed it, in favour of what came since. */
  const isReplaced = async (): Promise<boolean> => {
    if (last === null) return false
    const { offset, record } = last
    const read = (): Promise<readonly LogRecord[]> => io.log.read(topic, partition, offset, { maxBytes: 1 })
    const [found] = await retrying(io, read).catch(passGone)
    return found?.offset === offset && !(isSame(found.key, record.key) && isSame(found.value, record.value))
  }
  const seenTo = async (offset: number): Promise<Seen> => {
    const lost = offset < end || (offset > end && (await isReplaced()))
    const others = new Set<string>()
    for await (const { key } of records(end, offset)) if (key !== null) others.add(key.toString())
    return { others: [...others], lost }
  }
  return {
    async lastFloor() {
      for (let most = TAIL; ; most *= TAIL_GROWTH) {
        const from = Math.max(earliest, latest - most)
        let newest: Entry | null = null
        for await (const entry of read(from, latest)) if (entry.key === '') newest = entry
        if (newest === null && from > earliest) continue
        const floor = newest?.snapshot?.floor
        // One that can't be read may say that all before it is void.
        if (newest === null || !floor) return nothing
        // It speaks of records that are not there: the topic was made anew, or lost its end.
        if (floor.until > newest.offset) return nothing
        // What a rebuild has voided ends with the record that says so.
        if (floor.point === null)
          return { floor: { ...floor, since: newest.offset + 1, until: newest.offset + 1 }, late: [] }
        const late = new Set<string>()
        for await (const { key } of read(floor.until, latest)) if (key !== '') late.add(key)
        return { floor, late: [...late] }
      }
    },
    read: from => read(from, latest),
    record(key, snapshot, contains) {
      const value = snapshot && wire.encode('snapshots', snapshot)
      const isDeletion = value === null && contains !== undefined
      const headers = isDeletion && { headers: { [CONTAINS]: Buffer.from(JSON.stringify(contains)) } }
      return { key: Buffer.from(key), value, ...headers }
    },
    async append(batch) {
      const base = await io.log.append(topic, partition, batch)
      const seen = await seenTo(base)
      end = base + batch.length
      last = { offset: end - 1, record: batch.at(-1)! }
      return seen
    },
    async look() {
      const { latest: now } = await io.log.ends(topic, partition)
      const seen = await seenTo(now)
      end = now
      return seen
    },
    end: () => end,
  }
}

const isSame = (one: Buffer | null, other: Buffer | null): boolean =>
  one === null || other === null ? one === other : one.equals(other)

function passGone(error: unknown): readonly LogRecord[] {
  if (isCode(error, 'OFFSET_OUT_OF_RANGE')) return []
  throw error
}

/** @returns null where nothing says it */
function stepOf(bytes: Buffer | undefined): SnapshotPoint | null {
  try {
    return bytes === undefined ? null : (JSON.parse(bytes.toString()) as SnapshotPoint)
  } catch {
    return null
  }
}
