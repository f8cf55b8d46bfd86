/**
 * Live traffic: many concurrent sessions of an environment, over the bus like any other producer. A session appends what
 * its person did by themselves, and once that is acknowledged its request; waits for the *accepted* decision (a lost
 * rival's slate was never shown); appends the outcomes, naming the decision and echoing its slate hash; and so on. A
 * session that ends is replaced by a new person. It shares a core with the loop that it drives, so it does little.
 */
import type { BehaviorEvent, Recommendation } from '../../schemas/records.ts'
import type { Log } from '../log/log.ts'
import { partitionFor } from '../log/partition.ts'
import type { Wire } from '../log/wire/wire.ts'
import { topicName, topics } from '../pipeline.ts'
import { readAccepted } from './accepted.ts'
import { createAppender } from './appender.ts'
import { createStats, type DriveStats } from './drive-stats.ts'
import type { Act, Environment, Observation, Session } from './environment.ts'
import { requestOf } from './in-process.ts'

export { publishWorld } from './publish.ts'

export interface DriveOptions {
  readonly environment: Environment
  readonly log: Log
  readonly wire: Wire
  readonly prefix: string
  readonly seed: number
  /** Concurrent sessions. Default 256. */
  readonly sessions?: number
  /** Default `default`. */
  readonly policy?: string
  /** Put before all ids, so that runs on the same topics do not meet. Default none. */
  readonly run?: string
  /** Records are collected this long before an append, ms. Default 2. */
  readonly lingerMs?: number
  /** A request unanswered for this long is given up, its session with it, ms. Default 30,000. */
  readonly answerMs?: number
  readonly now?: () => number
  /** Event time between two decisions of a session, ms, however fast they are taken: where γ counts by the second. A session may be
   * ahead of the clock by as many as it has decisions, within limits.futureSkewMs. Default: the clock. */
  readonly stepMs?: number
  /** Where accepted decisions come from; ends when `signal` aborts. Default: the chain reader on `recommendations`. */
  readonly decisions?: (take: (decision: Recommendation) => void, signal: AbortSignal) => Promise<void>
}

export interface Drive {
  stats(): DriveStats
  /** Mean expected reward of the last `count` decisions; NaN before the first. */
  recent(count: number): number
  /** Resolves after `stop`; rejects on a terminal error. */
  readonly done: Promise<void>
  /** No more requests; waits for the open ones and appends their outcomes, at most `drainMs` (default 10,000). */
  stop(drainMs?: number): Promise<void>
}

/** A session on the bus. */
interface Live {
  readonly session: Session
  readonly userId: string
  readonly sessionId: string
  readonly partition: number
  readonly beganMs: number
  events: number
  requests: number
  /** Return so far, and γ^t. */
  sum: number
  weight: number
}

/** An act, and the decision that caused it. */
interface Caused {
  readonly act: Act
  readonly decision: Recommendation | null
}

const RESTART_MS = 100
const SWEEP_MS = 1000

/** Starts the traffic. The items must be served already (publishWorld). @throws FeedloopError TOPIC_UNKNOWN */
export async function startDrive(options: DriveOptions): Promise<Drive> {
  const { environment, log, wire, prefix, seed, policy = 'default', run = '', now = Date.now } = options
  const eventsTopic = topicName(prefix, 'events')
  const requestsTopic = topicName(prefix, 'requests')
  const partitions = await log.partitionCount(requestsTopic)
  const stats = createStats()
  const reading = new AbortController()
  const end = Promise.withResolvers<void>()
  const asked = new Map<string, { readonly live: Live; readonly sentMs: number }>()
  const late = new Map<NodeJS.Timeout, () => void>()
  const answered = Promise.withResolvers<void>()
  let stopping = false
  let nextIndex = 0
  const maxBatchBytes = topics.events.maxBatchBytes / 2
  const appender = createAppender({ log, lingerMs: options.lingerMs ?? 2, maxBatchBytes, failed: end.reject })

  const begin = (): void => {
    if (stopping) return
    const session = environment.session(nextIndex++, seed)
    const userId = run + session.userId
    const partition = partitionFor(userId, partitions)
    stats.session()
    const sessionId = run + session.sessionId
    const counts = { events: 0, requests: 0, sum: 0, weight: 1 }
    turn({ session, userId, sessionId, partition, beganMs: now(), ...counts }, [], session.reset())
  }
  const timeOf = ({ beganMs, requests }: Live): number =>
    options.stepMs === undefined ? now() : beganMs + requests * options.stepMs
  const turn = (live: Live, outcomes: readonly Caused[], next: Observation): void => {
    for (const outcome of outcomes) if (outcome.act.delayMs > 0) later(live, outcome)
    const prompt = outcomes.filter(({ act }) => act.delayMs <= 0)
    const events = [...prompt, ...next.organic.map(act => ({ act, decision: null }))]
    const then = () => (next.done ? void setImmediate(begin) : ask(live, next))
    let left = events.length
    if (left === 0) then()
    for (const event of events) appendEvent(live, event, () => --left === 0 && then())
  }
  const later = (live: Live, outcome: Caused): void => {
    const append = () => {
      late.delete(timer)
      appendEvent(live, outcome)
    }
    const timer = setTimeout(append, outcome.act.delayMs)
    late.set(timer, append)
  }
  const appendEvent = (live: Live, { act, decision }: Caused, stored?: () => void): void => {
    const slot = decision ? decision.slots.findIndex(each => each.item_id === act.itemId) : -1
    const event: BehaviorEvent = {
      event_id: `${live.sessionId}/${live.events++}`,
      user_id: live.userId,
      session_id: live.sessionId,
      decision_id: decision?.decision_id ?? null,
      item_id: act.itemId,
      slot: slot < 0 ? null : slot,
      type: act.type,
      slate_hash: decision?.slate_hash ?? null,
      value: act.value,
      time_ms: timeOf(live),
    }
    stats.event()
    if (decision) stats.outcome(act.type)
    const record = { key: Buffer.from(live.userId), value: wire.encode('events', event), timestampMs: now() }
    appender.add(eventsTopic, live.partition, record, stored)
  }
  const ask = (live: Live, observation: Observation): void => {
    if (stopping) return
    const requestId = `${live.sessionId}-${live.requests++}`
    const request = requestOf(live, observation, policy, timeOf(live), requestId)
    stats.request()
    asked.set(request.request_id, { live, sentMs: performance.now() })
    const record = {
      key: Buffer.from(live.userId),
      value: wire.encode('requests', request),
      timestampMs: now(),
    }
    appender.add(requestsTopic, live.partition, record)
  }
  const closeRequest = (id: string): void => {
    asked.delete(id)
    if (stopping && asked.size === 0) answered.resolve()
  }
  const giveUp = (id: string): void => {
    stats.unanswered()
    setTimeout(begin, RESTART_MS)
    closeRequest(id)
  }
  const decided = (decision: Recommendation): void => {
    const open = asked.get(decision.decision_id)
    if (open === undefined) return
    if (decision.slots.length === 0) {
      giveUp(decision.decision_id)
      return
    }
    const { live } = open
    const { outcomes, expectedReward, next } = live.session.step(decision.slots.map(slot => slot.item_id))
    stats.decided(performance.now() - open.sentMs, expectedReward)
    live.sum += live.weight * expectedReward
    live.weight *= environment.discount ?? 1
    if (next.done) stats.ended(live.sum)
    turn(
      live,
      outcomes.map(act => ({ act, decision })),
      next,
    )
    closeRequest(decision.decision_id)
  }
  const sweep = (): void => {
    const oldest = performance.now() - (options.answerMs ?? 30_000)
    for (const [id, { sentMs }] of asked) if (sentMs < oldest) giveUp(id)
  }

  const source = options.decisions ?? ((take, signal) => readAccepted({ log, wire, prefix }, take, signal))
  const read = source(decided, reading.signal).catch(end.reject)
  const sweeper = setInterval(sweep, SWEEP_MS)
  end.promise.catch(() => {}).finally(() => clearInterval(sweeper))
  for (let n = options.sessions ?? 256; n > 0; n--) begin()
  return {
    stats: stats.read,
    recent: stats.recent,
    done: end.promise,
    async stop(drainMs = 10_000) {
      stopping = true
      const bound = Promise.withResolvers<void>()
      const timer = setTimeout(bound.resolve, drainMs)
      const failed = end.promise.catch(() => {})
      if (asked.size > 0) await Promise.race([answered.promise, bound.promise, failed])
      for (const id of [...asked.keys()]) giveUp(id)
      for (const [timer, append] of [...late]) {
        clearTimeout(timer)
        append()
      }
      await Promise.race([appender.flush(), bound.promise, failed])
      clearTimeout(timer)
      appender.close()
      reading.abort()
      await read
      end.resolve()
    },
  }
}
