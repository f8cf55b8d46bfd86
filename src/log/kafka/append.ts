/**
 * Appending: natural batching. One produce request is in flight to a broker; what is appended meanwhile goes together in
 * the next one, as one record batch a partition, so that each append stays whole. acks=all, no idempotent producer, and
 * no retry of a request that was sent: whether it is stored is not known then (APPEND_UNCERTAIN), and to send it again
 * would make a second copy behind the caller's back. Only what certainly was not sent is sent again.
 *
 * "Not leader" with an offset is uncertain too: that leader had stored the batch and lost its office while it waited for
 * its followers. Without an offset it stored nothing, and the batch goes to the new leader.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { FeedloopError } from '../../errors.ts'
import type { NewRecord } from '../log.ts'
import { recordBytesAtMost } from '../size.ts'
import { createErrorFromCode, produceResponse } from './kafkajs.ts'
import type { Node } from './node.ts'
import { createProduceEncoder, type ProduceEncoder } from './produce.ts'
import { answeredError } from './refusals.ts'
import { persist } from './retry.ts'
import type { Router } from './router.ts'

/** Appends are merged up to this size; one that is larger goes alone. Well under any sensible max.message.bytes. */
const MERGE_BYTES = 512 << 10
const REQUEST_BYTES = 16 << 20
const PRODUCE_TIMEOUT_MS = 15_000
const REROUTE_MS = 15_000
const REROUTE_PAUSE_MS = 50
const UNKNOWN_TOPIC = 3
const NOT_LEADER = 6
const TOO_LARGE = new Set([10, 18])

interface Pending {
  readonly topic: string
  readonly partition: number
  readonly records: readonly NewRecord[]
  readonly bytes: number
  /** Not to be merged: a batch that held it was too large. */
  alone: boolean
  /** Until then it may be sent to a new leader. */
  readonly rerouteUntil: number
  readonly resolve: (baseOffset: number) => void
  readonly reject: (error: unknown) => void
}

/** The appends that one batch of one request carries, in order. */
type Merged = Pending[]

interface Lane {
  readonly node: Node
  readonly encoder: ProduceEncoder
  queue: Pending[]
  busy: boolean
}

export type Append = (topic: string, partition: number, records: readonly NewRecord[]) => Promise<number>

export function createAppend(router: Router, closed: AbortSignal): Append {
  const lanes = new Map<Node, Lane>()
  /** Of topics that refused a merged batch. */
  const mergeLimits = new Map<string, number>()

  const route = async (pending: Pending): Promise<void> => {
    try {
      const node = await persist(async () => {
        const leader = await router.leader(pending.topic, pending.partition)
        await leader.connect('calls').catch(error => {
          router.forget(pending.topic)
          throw error
        })
        return leader
      }, closed)
      if (!lanes.has(node)) lanes.set(node, { node, encoder: createProduceEncoder(), queue: [], busy: false })
      const lane = lanes.get(node)!
      lane.queue.push(pending)
      if (!lane.busy) drain(lane).catch(error => rejectAll(lane.queue.splice(0), error))
    } catch (error) {
      pending.reject(error)
    }
  }
  const drain = async (lane: Lane): Promise<void> => {
    lane.busy = true
    while (lane.queue.length > 0) {
      try {
        await lane.node.connect('calls')
      } catch {
        // Nothing of these was sent; they find their way again, with patience.
        for (const pending of lane.queue.splice(0)) route(pending)
        break
      }
      const { split, rerouted } = await produce(lane, takeRequest(lane, mergeLimits), router)
      for (const { topic, bytes } of split)
        mergeLimits.set(topic, Math.max(bytes, (mergeLimits.get(topic) ?? MERGE_BYTES) / 2))
      lane.queue.unshift(...split)
      if (rerouted.length > 0) pause(REROUTE_PAUSE_MS).then(() => rerouted.forEach(route))
    }
    lane.busy = false
  }
  return (topic, partition, records) => {
    if (closed.aborted) return Promise.reject(new FeedloopError('LOG_UNAVAILABLE', 'the log is closed'))
    const bytes = records.reduce((sum, record) => sum + recordBytesAtMost(record), 0)
    return new Promise((resolve, reject) => {
      const rerouteUntil = performance.now() + REROUTE_MS
      route({ topic, partition, records, bytes, alone: false, rerouteUntil, resolve, reject })
    })
  }
}

const rejectAll = (appends: readonly Pending[], error: unknown) => {
  for (const { reject } of appends) reject(error)
}

/** Takes from the queue what fits into one request; of one partition nothing overtakes. */
function takeRequest(lane: Lane, mergeLimits: ReadonlyMap<string, number>): Merged[] {
  const batches = new Map<string, Merged>()
  const full = new Set<string>()
  const left: Pending[] = []
  let requestBytes = 0
  for (const pending of lane.queue) {
    const key = `${pending.topic}/${pending.partition}`
    const batch = batches.get(key)
    const batchBytes = batch?.reduce((sum, { bytes }) => sum + bytes, pending.bytes) ?? pending.bytes
    const limit = mergeLimits.get(pending.topic) ?? MERGE_BYTES
    const fits = !batch || (batchBytes <= limit && !pending.alone && !batch[0].alone)
    const room = requestBytes === 0 || requestBytes + pending.bytes <= REQUEST_BYTES
    if (full.has(key) || !fits || !room) {
      full.add(key)
      left.push(pending)
      continue
    }
    requestBytes += pending.bytes
    if (batch) batch.push(pending)
    else batches.set(key, [pending])
  }
  lane.queue = left
  return [...batches.values()]
}

interface ProduceAnswer {
  readonly topics: readonly {
    readonly topicName: string
    readonly partitions: readonly { partition: number; errorCode: number; baseOffset: string }[]
  }[]
}

/** Appends that certainly were not stored and go again. */
interface Again {
  /** To the same broker, each in a batch of its own: their common batch was too large. */
  readonly split: Pending[]
  /** To whoever leads the partition by now. */
  readonly rerouted: Pending[]
}

/** Sends one request and settles its appends, but for those that go again. */
async function produce({ node, encoder }: Lane, request: readonly Merged[], router: Router): Promise<Again> {
  const again: Again = { split: [], rerouted: [] }
  try {
    const answer = await node.send('calls', {
      request: { apiKey: 0, apiVersion: 7, apiName: 'Produce', encode: async () => encodeRequest(encoder, request) },
      decode: bytes => produceResponse.decode(bytes) as Promise<ProduceAnswer>,
    })
    for (const merged of request) await settle(merged, resultOf(merged, answer), router, again)
  } catch (cause) {
    encoder.abandon()
    for (const [{ topic }] of request) router.forget(topic)
    const error = new FeedloopError('APPEND_UNCERTAIN', (cause as Error).message, { cause })
    for (const merged of request) rejectAll(merged, error)
  }
  return again
}

interface Result {
  readonly errorCode: number
  /** -1 when nothing was stored. */
  readonly baseOffset: number
}

function resultOf([{ topic, partition }]: Merged, answer: ProduceAnswer): Result {
  const result = answer.topics.find(t => t.topicName === topic)?.partitions.find(p => p.partition === partition)
  return result ? { ...result, baseOffset: Number(result.baseOffset) } : { errorCode: -1, baseOffset: -1 }
}

async function settle(merged: Merged, { errorCode, baseOffset }: Result, router: Router, again: Again): Promise<void> {
  const [{ topic, rerouteUntil }] = merged
  if (errorCode === 0) {
    let offset = baseOffset
    for (const { records, resolve } of merged) {
      resolve(offset)
      offset += records.length
    }
    return
  }
  if (TOO_LARGE.has(errorCode) && merged.length > 1) {
    for (const pending of merged) pending.alone = true
    again.split.push(...merged)
    return
  }
  router.forget(topic)
  const error = await refusal(merged[0], errorCode, router)
  const elsewhere = (errorCode === NOT_LEADER || errorCode === UNKNOWN_TOPIC) && error.code !== 'TOPIC_UNKNOWN'
  if (elsewhere && baseOffset < 0 && performance.now() < rerouteUntil) again.rerouted.push(...merged)
  else rejectAll(merged, error)
}

async function refusal({ topic, partition, bytes }: Pending, code: number, router: Router): Promise<FeedloopError> {
  const { message, retriable } = createErrorFromCode(code)
  if (TOO_LARGE.has(code)) return new FeedloopError('BATCH_TOO_LARGE', `${topic}: about ${bytes} bytes: ${message}`)
  if (code === UNKNOWN_TOPIC) {
    const known = await router.lookUp([topic]).catch(() => undefined)
    if (known && !known.has(topic)) return new FeedloopError('TOPIC_UNKNOWN', topic)
  }
  const otherwise = retriable || code === -1 ? 'APPEND_UNCERTAIN' : 'TOPIC_MISCONFIGURED'
  return answeredError(code, `${topic}/${partition}`, otherwise)
}

const encodeRequest = (encoder: ProduceEncoder, request: readonly Merged[]) =>
  encoder.encode(
    request.map(merged => ({ topic: merged[0].topic, partition: merged[0].partition, records: allRecords(merged) })),
    PRODUCE_TIMEOUT_MS,
  )

const allRecords = (merged: Merged) =>
  merged.length === 1 ? merged[0].records : merged.flatMap(({ records }) => records)
