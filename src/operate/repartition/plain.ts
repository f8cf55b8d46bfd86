/** Copies of topics that are not chained: whole, or shared out anew among the partitions by their user. */
import { type ChainIo, retrying } from '../../log/chain/rim.ts'
import type { LogRecord, NewRecord } from '../../log/log.ts'
import { partitionFor } from '../../log/partition.ts'
import { type TopicName, topicName } from '../../pipeline.ts'
import { gather } from './chains.ts'

export interface Move {
  readonly io: ChainIo
  readonly from: string
  readonly to: string
  /** Partition counts of the per-user topics. */
  readonly was: number
  readonly becomes: number
}

/** Offsets of one partition: from the first to before the last. */
export interface Range {
  readonly from: number
  readonly to: number
}

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

export async function* recordsIn(
  io: ChainIo,
  at: { topic: string; partition: number },
  { from, to }: Range,
): AsyncGenerator<LogRecord> {
  const { earliest, latest } = await retrying(io, () => io.log.ends(at.topic, at.partition))
  const end = Math.min(to, latest)
  for (let offset = Math.max(from, earliest); offset < end; ) {
    const records = await retrying(io, () => io.log.read(at.topic, at.partition, offset, { waitMs: 100 }))
    for (const record of records) if (record.offset < end) yield record
    // what compaction left nothing of
    offset = records.length > 0 ? records.at(-1)!.offset + 1 : end
  }
}

/** Copies a topic record by record, each to its own partition. */
export async function copyWhole({ io, from, to }: Move, topic: TopicName): Promise<void> {
  const [source, target] = [topicName(from, topic), topicName(to, topic)]
  for (const partition of range(await retrying(io, () => io.log.partitionCount(source)))) {
    const gathered = gather(async records => void (await retrying(io, () => io.log.append(target, partition, records))))
    for await (const { key, value, headers, timestampMs } of recordsIn(io, { topic: source, partition }, everything))
      await gathered.add({ key, value, headers, timestampMs })
    await gathered.flush()
  }
}

export const everything: Range = { from: 0, to: Number.MAX_SAFE_INTEGER }

export interface Sharing {
  readonly topic: TopicName
  /** What to copy of each old partition. */
  readonly ranges: readonly Range[]
  /** Whose it is; null: it is left out. */
  readonly userOf: (record: LogRecord) => Promise<string | null>
}

/** Copies records to the partitions where their users belong now, those of one user in their order.
 * @returns the ends of the new partitions after it */
export async function shareOut(move: Move, { topic, ranges, userOf }: Sharing): Promise<number[]> {
  const { io, from, to, becomes } = move
  const target = topicName(to, topic)
  const append = (partition: number) => async (records: readonly NewRecord[]) =>
    void (await retrying(io, () => io.log.append(target, partition, records)))
  const gathered = range(becomes).map(partition => gather(append(partition)))
  for (const [partition, of] of ranges.entries())
    for await (const record of recordsIn(io, { topic: topicName(from, topic), partition }, of)) {
      const userId = await userOf(record)
      if (userId === null) continue
      const { key, value, headers, timestampMs } = record
      await gathered[partitionFor(userId, becomes)]!.add({ key, value, headers, timestampMs })
    }
  for (const each of gathered) await each.flush()
  return Promise.all(
    range(becomes).map(async partition => (await retrying(io, () => io.log.ends(target, partition))).latest),
  )
}
