/**
 * Membership in a consumer group, and nothing else of it: kafkajs's consumer joins, heartbeats and rebalances with all its
 * topics paused, so it never fetches; reading is fetch.ts's. Losing a partition is told late or, to a process that was
 * stopped, not at all: who reads must expect a rival (the chain does).
 */
import type { Kafka } from 'kafkajs'
import { FeedloopError } from '../../errors.ts'
import type { Committed, GroupHandlers, Membership } from '../log.ts'
import { type Claim, createAssigner } from './assigner.ts'
import { failureOf } from './refusals.ts'

const SESSION_MS = 10_000
const REBALANCE_MS = 20_000
/** A rebalance is noticed at a heartbeat. */
const HEARTBEAT_MS = 300
const PAUSED_LOOP_MS = 100
/** From what kafkajs gives up for good, though it may pass, to the next try. */
const AGAIN_MS = 500

/** Joins; resolves when the group has let the member in. */
export async function joinGroup(
  kafka: Kafka,
  group: string,
  topics: readonly string[],
  handlers: GroupHandlers,
): Promise<Membership> {
  let claim: Claim = { partitions: [], sinceMs: 0 }
  const consumer = kafka.consumer({
    groupId: group,
    partitionAssigners: [createAssigner(() => claim)],
    sessionTimeout: SESSION_MS,
    rebalanceTimeout: REBALANCE_MS,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: PAUSED_LOOP_MS,
    allowAutoTopicCreation: false,
    retry: { initialRetryTime: 100, maxRetryTime: 2000, retries: 8 },
  })
  const joined = Promise.withResolvers<void>()
  let started: Promise<unknown> = Promise.resolve()
  let ending: Promise<void> = Promise.resolve()
  joined.promise.catch(() => {})
  let left = false
  let told: readonly number[] | undefined
  let telling = Promise.resolve()
  const fail = (error: Error) => {
    if (left) return
    left = true
    joined.reject(unavailable(group, error))
    handlers.failed(unavailable(group, error))
    // While it joins, kafkajs takes no stop: it would go on behind our back.
    ending = started.then(() => consumer.disconnect()).catch(() => {})
  }
  const tell = async (partitions: readonly number[]) => {
    if (left || told?.join() === partitions.join()) return
    told = partitions
    await handlers.assigned(partitions).catch(fail)
  }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
    consumer.pause(topics.map(topic => ({ topic })))
    const partitions = [...new Set(Object.values(memberAssignment).flat())].sort((a, b) => a - b)
    claim = { partitions, sinceMs: Date.now() }
    telling = telling.then(() => tell(partitions))
    joined.resolve()
  })
  const run = () => {
    if (!left) started = consumer.run({ autoCommit: false, eachBatch: async () => {} })
    return started
  }
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    if (restart) return
    if (isUnanswered(error)) setTimeout(run, AGAIN_MS)
    else fail(error)
  })
  // While its member starts anew, kafkajs resolves a commit and forgets it: only this event says that the broker has it.
  let stored = false
  consumer.on(consumer.events.COMMIT_OFFSETS, () => {
    stored = true
  })
  const commit = async (positions: readonly Committed[]): Promise<void> => {
    if (left) throw new FeedloopError('LOG_UNAVAILABLE', `${group}: the member has left`)
    stored = false
    const offsets = positions.map(position => ({ ...position, offset: String(position.offset) }))
    await consumer.commitOffsets(offsets).catch(error => {
      throw unavailable(group, error)
    })
    if (!stored) throw new FeedloopError('LOG_UNAVAILABLE', `${group}: the member starts anew`)
  }
  let committing = Promise.resolve()
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [...topics] })
    await run()
    await joined.promise
  } catch (error) {
    left = true
    await consumer.disconnect().catch(() => {})
    throw unavailable(group, error)
  }
  return {
    commit(positions: readonly Committed[]) {
      const own = committing.then(() => commit(positions))
      committing = own.catch(() => {})
      return own
    },
    async leave() {
      if (left) return ending
      left = true
      await telling
      await consumer.disconnect()
    },
  }
}

/** No broker said who coordinates the group: all were asked once, just then. kafkajs takes that for final. */
function isUnanswered(error: unknown): boolean {
  for (let each = error as Error | undefined; each; each = each.cause as Error | undefined)
    if (each.name === 'KafkaJSGroupCoordinatorNotFound') return true
  return false
}

const unavailable = (group: string, cause: unknown) => failureOf(`group ${group}`, cause)
