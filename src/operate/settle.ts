/**
 * Waits until the loop is quiet: every stage has committed a position at the end of each of its inputs. For ends of runs
 * (demo, bench, chaos), when nothing is appended from outside any more; not a way to know it of a live system.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { FeedloopError } from '../errors.ts'
import { openFeed } from '../log/chain/feed.ts'
import { keptHead } from '../log/chain/progress.ts'
import { type Partition, realRim } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import type { Committed, Log } from '../log/log.ts'
import { groupName, pipeline, type StageName, type TopicName, topicName, topics } from '../pipeline.ts'
import type { ServiceContext } from './context.ts'

const LOOK_EVERY_MS = 250

/** @throws FeedloopError DEADLINE_EXCEEDED naming what lags; the reason of the signal's abort */
export async function settle(
  context: ServiceContext,
  stages: readonly StageName[],
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = context.now() + timeoutMs
  for (;;) {
    signal?.throwIfAborted()
    const lagging = await lags(context, stages)
    if (lagging.length === 0) return
    if (context.now() > deadline) throw new FeedloopError('DEADLINE_EXCEEDED', `not settled: ${lagging.join(', ')}`)
    await sleep(LOOK_EVERY_MS)
  }
}

async function lags({ log, config }: ServiceContext, stages: readonly StageName[]): Promise<string[]> {
  const { prefix } = config.topics
  const lagging: string[] = []
  for (const { stage, reads } of pipeline.filter(entry => stages.includes(entry.stage)))
    for (const topic of reads as readonly TopicName[]) {
      const name = topicName(prefix, topic)
      const committed = await log.committed(groupName(prefix, stage, topic), name)
      for (let partition = 0; partition < (await log.partitionCount(name)); partition++) {
        const from = committed.find(one => one.partition === partition)
        const at = { topic: name, partition }
        const behind = await (topics[topic].chained ? acceptedBehind : recordsBehind)(log, at, from)
        if (behind > 0) lagging.push(`${stage} ${topic}/${partition} by ${behind}`)
      }
    }
  return lagging
}

async function recordsBehind(log: Log, { topic, partition }: Partition, from?: Committed): Promise<number> {
  return Math.max(0, (await log.ends(topic, partition)).latest - (from?.offset ?? 0))
}

/** Accepted records that carry something. What a rival lost is not for anybody, nor is a batch of mere progress: where
 * they end a topic, no position ever comes to stand behind them. */
async function acceptedBehind(log: Log, at: Partition, from?: Committed): Promise<number> {
  return (await accepted(log, at, from)).count
}

/** Where a reader that has committed `from` stands once it has read what was accepted below `end`: behind the last record that
 * carries something, or `end` itself where nobody can tell yet what was accepted. */
export async function acceptedEnd(log: Log, at: Partition, end: number, from?: Committed): Promise<number> {
  const { last, isDecided } = await accepted(log, at, from, end)
  return isDecided ? last + 1 : end
}

/** How many accepted records stand from `from` on, and the last of them below `end`; -1: none. */
async function accepted(log: Log, at: Partition, from?: Committed, end = Number.POSITIVE_INFINITY) {
  const io = { log, rim: realRim(), rules: chainRules }
  const feed = await openFeed(io, at, from ? { next: from.offset, head: keptHead(from) } : null)
  let count = 0
  let last = -1
  do {
    for (const { records } of await feed.poll())
      for (const { offset } of records) {
        if (offset < (from?.offset ?? 0)) continue
        count++
        if (offset < end) last = offset
      }
  } while (!feed.atEnd && feed.offset < end)
  return { count, last, isDecided: feed.reader.anchored }
}
