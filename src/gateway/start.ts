/**
 * Where the reading of the accepted decisions begins: far enough back to know what was decided lately, and to judge what
 * comes next. From a bare offset nothing is accepted until a later batch proves an earlier one, and in a quiet log the
 * next batch but one may be long in coming; so the start goes back, wider each time, to where the log itself proves one.
 */
import { isCode } from '../errors.ts'
import { openFeed } from '../log/chain/feed.ts'
import { type ChainIo, type Partition, realRim } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import type { Log } from '../log/log.ts'
import { topicName } from '../pipeline.ts'

interface Bus {
  readonly log: Log
  readonly now: () => number
  readonly config: { readonly topics: { readonly prefix: string; readonly partitions: number } }
}

/** Records from the end at which the search begins, and by how much it widens. */
const TAIL = 64
const GROWTH = 8

/** The first offset of each partition of `recommendations` so that all decided since `sinceMs` is read.
 * @throws what the log throws */
export function anchoredStart({ log, now, config: { topics } }: Bus, sinceMs: number): Promise<readonly number[]> {
  const io: ChainIo = { log, rim: realRim(now), rules: chainRules }
  const topic = topicName(topics.prefix, 'recommendations')
  const starts = Array.from({ length: topics.partitions }, (_, partition) => startOf(io, { topic, partition }, sinceMs))
  return Promise.all(starts)
}

/** The end of each partition of a topic as it is now. @throws what the log throws */
export async function endsOf(log: Log, topic: string): Promise<readonly number[]> {
  const partitions = Array.from({ length: await log.partitionCount(topic) }, (_, partition) => partition)
  return Promise.all(partitions.map(async partition => (await log.ends(topic, partition)).latest))
}

async function startOf(io: ChainIo, at: Partition, sinceMs: number): Promise<number> {
  const since = await io.log.offsetForTime(at.topic, at.partition, Math.max(0, sinceMs))
  for (let records = TAIL; ; records *= GROWTH) {
    const { earliest, latest } = await io.log.ends(at.topic, at.partition)
    const offset = Math.max(earliest, Math.min(since, latest - records))
    if (offset === earliest || (await proves(io, at, offset, latest))) return offset
  }
}

/** Does the log from `offset` to `latest` prove that one of its batches was accepted? */
async function proves(io: ChainIo, at: Partition, offset: number, latest: number): Promise<boolean> {
  try {
    const feed = await openFeed(io, at, { next: offset })
    while (feed.offset < latest && !feed.reader.anchored) await feed.poll()
    return feed.reader.anchored
  } catch (error) {
    // Retention took it away meanwhile: looked for anew.
    if (isCode(error, 'OFFSET_OUT_OF_RANGE')) return false
    throw error
  }
}
