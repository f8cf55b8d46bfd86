/**
 * Waits until the loop is quiet: every stage has committed a position at the end of each of its inputs. For ends of runs
 * (demo, bench, chaos), when nothing is appended from outside any more; not a way to know it of a live system.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { FeedloopError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { groupName, pipeline, type StageName, type TopicName, topicName } from '../pipeline.ts'
import type { ServiceContext } from './context.ts'

const LOOK_EVERY_MS = 250

/** @throws FeedloopError DEADLINE_EXCEEDED naming what lags */
export async function settle(context: ServiceContext, stages: readonly StageName[], timeoutMs: number): Promise<void> {
  const deadline = context.now() + timeoutMs
  for (;;) {
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
      const committed = new Map(
        (await log.committed(groupName(prefix, stage, topic), name)).map(one => [one.partition, one.offset]),
      )
      for (let partition = 0; partition < (await log.partitionCount(name)); partition++) {
        const behind = await recordsBehind(log, { topic: name, partition, from: committed.get(partition) ?? 0 })
        if (behind > 0) lagging.push(`${stage} ${topic}/${partition} by ${behind}`)
      }
    }
  return lagging
}

/** Records that carry something: a chain's progress batches (null key and value) hold no input for anybody. */
async function recordsBehind(log: Log, { topic, partition, from }: { topic: string; partition: number; from: number }) {
  const { latest } = await log.ends(topic, partition)
  const rest = latest > from ? await log.read(topic, partition, from) : []
  const progressOnly =
    rest.at(-1)?.offset === latest - 1 && rest.every(({ key, value }) => key === null && value === null)
  return progressOnly ? 0 : latest - from
}
