/**
 * Membership in a consumer group, and nothing else of it: kafkajs's consumer joins, heartbeats and rebalances with all its
 * topics paused, so it never fetches; reading is fetch.ts's. Losing a partition is told late or, to a process that was
 * stopped, not at all: who reads must expect a rival (the chain does).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kafka } from 'kafkajs'
import { FeedloopError } from '../../errors.ts'
import type { Committed, GroupHandlers, Membership } from '../log.ts'
import { type Claim, createAssigner } from './assigner.ts'
import { failureOf, isFinal } from './refusals.ts'
import { PATIENCE_MS, persist } from './retry.ts'
import type { Router } from './router.ts'

const SESSION_MS = 10_000
const REBALANCE_MS = 20_000
/** A rebalance is noticed at a heartbeat. */
const HEARTBEAT_MS = 300
const PAUSED_LOOP_MS = 100
/** From where kafkajs gives up for good, though it may pass, to the next try. */
const AGAIN_MS = 500
/** For one that is to leave, and joins just then. */
const JOINING_MS = 3000

/** Joins; resolves when the group has let the member in. */
export async function joinGroup(
  kafka: Kafka,
  router: Router,
  group: string,
  topics: readonly string[],
  handlers: GroupHandlers,
): Promise<Membership> {
  let claim: Claim = { partitions: [], sinceMs: 0 }
  const over = new AbortController()
  const consumer = kafka.consumer({
    groupId: group,
    partitionAssigners: [createAssigner(() => claim)],
    sessionTimeout: SESSION_MS,
    rebalanceTimeout: REBALANCE_MS,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: PAUSED_LOOP_MS,
    allowAutoTopicCreation: false,
    retry: {
      initialRetryTime: 100,
      maxRetryTime: 2000,
      retries: 8,
      // it would start again after it was told to stop
      restartOnFailure: async () => !over.signal.aborted,
    },
  })
  const joined = Promise.withResolvers<void>()
  let started: Promise<unknown> = Promise.resolve()
  let ending: Promise<void> = Promise.resolve()
  joined.promise.catch(() => {})
  let outsideSinceMs = Number.POSITIVE_INFINITY
  let told: readonly number[] | undefined
  let telling = Promise.resolve()
  /** While it joins, kafkajs takes no stop: it would go on behind our back. Who has joined takes its leave, who has not is cut off. */
  const end = async (): Promise<void> => {
    await Promise.race([started, sleep(JOINING_MS, undefined, { ref: false })])
    await consumer.disconnect()
    await started
    await consumer.disconnect()
  }
  const fail = (error: unknown) => {
    if (over.signal.aborted) return
    over.abort()
    ending = end().catch(() => {})
    joined.reject(unavailable(group, error))
    handlers.failed(unavailable(group, error))
  }
  const tell = async (partitions: readonly number[]) => {
    if (over.signal.aborted || told?.join() === partitions.join()) return
    told = partitions
    await handlers.assigned(partitions).catch(fail)
  }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
    consumer.pause(topics.map(topic => ({ topic })))
    const partitions = [...new Set(Object.values(memberAssignment).flat())].sort((a, b) => a - b)
    claim = { partitions, sinceMs: Date.now() }
    outsideSinceMs = Number.POSITIVE_INFINITY
    telling = telling.then(() => tell(partitions))
    joined.resolve()
  })
  const run = (): void => {
    if (!over.signal.aborted) started = consumer.run({ autoCommit: false, eachBatch: async () => {} }).catch(fail)
  }
  /** Runs it again once a broker says who coordinates the group, which also tells a missing right from an outage. */
  const again = async (error: unknown): Promise<void> => {
    outsideSinceMs = Math.min(outsideSinceMs, performance.now())
    if (performance.now() > outsideSinceMs + PATIENCE_MS) throw error
    await sleep(AGAIN_MS)
    await persist(() => router.coordinator(group), over.signal)
    run()
  }
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    if (restart) return
    if (isFinal(error)) fail(error)
    else again(error).catch(fail)
  })
  // While its member starts anew, kafkajs resolves a commit and forgets it: only this event says that the broker has it.
  let stored = false
  consumer.on(consumer.events.COMMIT_OFFSETS, () => {
    stored = true
  })
  const commit = async (positions: readonly Committed[]): Promise<void> => {
    if (over.signal.aborted) throw new FeedloopError('LOG_UNAVAILABLE', `${group}: the member has left`)
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
    run()
    await joined.promise
  } catch (error) {
    over.abort()
    await end().catch(() => {})
    throw unavailable(group, error)
  }
  return {
    commit(positions: readonly Committed[]) {
      const own = committing.then(() => commit(positions))
      committing = own.catch(() => {})
      return own
    },
    async leave() {
      if (over.signal.aborted) return ending
      over.abort()
      await telling
      await end()
    },
  }
}

const unavailable = (group: string, cause: unknown) => failureOf(`group ${group}`, cause)
