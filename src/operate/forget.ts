/**
 * Erasure of a user from a loop that runs: tombstones for the compacted topics, and the `$forget` record (src/events/
 * forget.ts) that ranker and joiner take in order.
 *
 * The record is written twice. A decision that the ranker took just before the first may reach the joiner after it,
 * with the history of before in it; once the joiner has read all that the ranker wrote until the first, the second
 * sweeps it out.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { FeedloopError, isRetryable } from '../errors.ts'
import { forgetEvent } from '../events/forget.ts'
import type { NewRecord } from '../log/log.ts'
import { partitionFor } from '../log/partition.ts'
import { groupName, type StageName, type TopicName, topicName } from '../pipeline.ts'
import type { ServiceContext } from './context.ts'
import { acceptedEnd } from './settle.ts'

const LOOK_EVERY_MS = 200
const BACKOFF_MS = 200

export interface Forgotten {
  readonly partition: number
  /** Offsets of the two records in `events`. */
  readonly events: readonly [number, number]
}

type Context = Pick<ServiceContext, 'log' | 'wire' | 'config' | 'now'>
type Erasure = Context & { readonly deadlineMs: number }

/** Resolves when ranker and joiner hold nothing of the user any more. May be called again at any time.
 * @throws FeedloopError DEADLINE_EXCEEDED naming the stage that did not get there, or the topic that took nothing: what was
 * written holds, and is taken when the stage runs; call again then. TOPIC_UNKNOWN */
export async function forgetUser(given: Context, userId: string, timeoutMs: number): Promise<Forgotten> {
  const context = { ...given, deadlineMs: given.now() + timeoutMs }
  const tombstone = { key: Buffer.from(userId), value: null }
  for (const topic of ['users', 'profiles'] as const) await append(context, topic, userId, tombstone)
  const { partition, offset: first } = await appendForget(context, userId)
  const until = (stage: StageName, topic: TopicName, next: number) => passed(context, { stage, topic, partition, next })
  await until('ranker', 'events', first + 1)
  await until('joiner', 'recommendations', await decidedEnd(context, partition))
  const { offset: second } = await appendForget(context, userId)
  await until('joiner', 'events', second + 1)
  await until('ranker', 'events', second + 1)
  // The ranker has written it already, unless somebody else's snapshot came late. A deletion names no step: before this it
  // would be believed of a user whom the ranker still knows.
  await append(context, 'snapshots', userId, tombstone)
  return { partition, events: [first, second] }
}

/** Behind the last decision that there is: what lost a race after it, no joiner ever passes. */
async function decidedEnd({ log, config }: Context, partition: number): Promise<number> {
  const { prefix } = config.topics
  const topic = topicName(prefix, 'recommendations')
  const { latest } = await log.ends(topic, partition)
  const positions = await log.committed(groupName(prefix, 'joiner', 'recommendations'), topic)
  const from = positions.find(each => each.partition === partition)
  return acceptedEnd(log, { topic, partition }, latest, from)
}

const appendForget = (context: Erasure, userId: string) =>
  append(context, 'events', userId, {
    key: Buffer.from(userId),
    value: context.wire.encode('events', forgetEvent(userId, randomUUID(), context.now())),
  })

async function append({ log, config, now, deadlineMs }: Erasure, name: TopicName, userId: string, record: NewRecord) {
  const topic = topicName(config.topics.prefix, name)
  const partition = partitionFor(userId, await log.partitionCount(topic))
  for (;;)
    try {
      return { partition, offset: await log.append(topic, partition, [record]) }
    } catch (error) {
      if (!isRetryable(error)) throw error
      if (now() > deadlineMs)
        throw new FeedloopError('DEADLINE_EXCEEDED', `${topic}: ${(error as Error).message}`, { cause: error })
      await sleep(BACKOFF_MS)
    }
}

interface Waited {
  readonly stage: StageName
  readonly topic: TopicName
  readonly partition: number
  readonly next: number
}

/** Waits until a stage has committed a position, which it does of accepted steps only. */
async function passed({ log, config, now, deadlineMs }: Erasure, { stage, topic, partition, next }: Waited) {
  const { prefix } = config.topics
  for (;;) {
    const positions = await log.committed(groupName(prefix, stage, topic), topicName(prefix, topic))
    const at = positions.find(each => each.partition === partition)?.offset ?? 0
    if (at >= next) return
    if (now() > deadlineMs)
      throw new FeedloopError('DEADLINE_EXCEEDED', `${stage} is at ${at} of ${topic}/${partition}, ${next} is awaited`)
    await sleep(LOOK_EVERY_MS)
  }
}
