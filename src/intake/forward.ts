/**
 * Appends mapped records to our topics: each to the partition that murmur2 of its key gives, so that whoever wrote the
 * source and however they partition, a user's records meet in one place. Records get the log's own time, not the event's
 * (which is in the value): retention would remove an old backlog as soon as it is written. Returns only when all is
 * acknowledged.
 */
import { type Patience, retrying } from '../log/chain/rim.ts'
import type { Log, NewRecord } from '../log/log.ts'
import { partitionFor } from '../log/partition.ts'
import { inBatches } from '../log/size.ts'
import { type TopicName, topicName, topics } from '../pipeline.ts'
import type { Ready } from './make.ts'
import type { Target } from './schema.ts'

/** Well below the bound: an append in doubt is repeated whole. */
const bytesPerBatch = (to: TopicName): number => topics[to].maxBatchBytes / 2

/** Appends, in order within each partition. An append in doubt is repeated: duplicates are harmless, losses are not.
 * @throws FeedloopError TOPIC_UNKNOWN and other terminal codes; Stopped on the signal */
export type Forward = (records: readonly Ready[], patience: Patience) => Promise<void>

export function createForward(log: Log, prefix: string): Forward {
  const counts = new Map<Target, number>()
  const partitions = async (to: Target): Promise<number> => {
    const count = counts.get(to) ?? (await log.partitionCount(topicName(prefix, to)))
    counts.set(to, count)
    return count
  }
  return async (records, patience) => {
    const lanes = new Map<string, { to: Target; partition: number; records: Ready[] }>()
    for (const record of records) {
      const partition = partitionFor(record.key, await retrying(patience, () => partitions(record.to)))
      const name = `${record.to}/${partition}`
      if (!lanes.has(name)) lanes.set(name, { to: record.to, partition, records: [] })
      lanes.get(name)!.records.push(record)
    }
    await Promise.all(
      [...lanes.values()].map(({ to, partition, records }) => {
        return appendAll(log, { topic: to, prefix, partition }, records.map(newRecord), patience)
      }),
    )
  }
}

const newRecord = ({ key, bytes, traceparent }: Ready): NewRecord => ({
  key: Buffer.from(key),
  value: bytes,
  ...(traceparent && { headers: { traceparent: Buffer.from(traceparent) } }),
})

export interface Lane {
  readonly topic: TopicName
  readonly prefix: string
  readonly partition: number
}

/** Appends in as few batches as fit, one after the other, each until it is acknowledged. */
export async function appendAll(log: Log, lane: Lane, records: readonly NewRecord[], patience: Patience) {
  const topic = topicName(lane.prefix, lane.topic)
  for (const batch of inBatches(records, bytesPerBatch(lane.topic)))
    await retrying(patience, () => log.append(topic, lane.partition, batch))
}
