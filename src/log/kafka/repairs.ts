/**
 * Four repairs of kafkajs 2.2.4 (unmaintained since 2023), applied to its modules before the library is loaded:
 * - `network/requestQueue` re-arms a timer after every response although nothing waits, about one a millisecond;
 * - `producer/groupMessagesPerPartition` copies the array of a partition for every message: quadratic in the batch.
 * - `protocol/request` copies a body twice more, into buffers that are powers of two and zeroed first;
 * - `consumer/consumerGroup` goes on as before when joining has failed: with heartbeats in the name of a generation that it has not
 *   taken over, or with none at all, and no word of it; it is outside of the group for ever, and no commit of its is taken. And a clock that was set back
 *   silences it for as long.
 * The first three more than halve the CPU of a record. They are applied here and not by a patch of node_modules, because a patch would
 * not reach those who install feedloop as a package. The version is pinned; another one is refused, not patched blindly.
 */
import { createRequire } from 'node:module'
import { FeedloopError } from '../../errors.ts'

const require = createRequire(import.meta.url)
const REPAIRED_VERSION = '2.2.4'

interface RequestQueue {
  pending: unknown[]
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  scheduleCheckPendingRequests(): void
  checkPendingRequests(): void
}

/** The library's own pause before it looks again at requests that wait for a free place. */
const CHECK_INTERVAL_MS = 10

/** As the original, but without a timer when nothing waits. */
function scheduleCheckPendingRequests(this: RequestQueue): void {
  if (this.throttleCheckTimeoutId || this.pending.length === 0) return
  const throttledMs = this.throttledUntil - Date.now()
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null
      this.checkPendingRequests()
    },
    throttledMs > 0 ? throttledMs : CHECK_INTERVAL_MS,
  )
}

interface Grouping {
  readonly topic: string
  readonly partitionMetadata: readonly unknown[]
  readonly messages: readonly unknown[]
  readonly partitioner: (message: { topic: string; partitionMetadata: readonly unknown[]; message: unknown }) => number
}

/** As the original, in linear time. */
function groupMessagesPerPartition({ topic, partitionMetadata, messages, partitioner }: Grouping) {
  const groups: Record<number, unknown[]> = {}
  if (partitionMetadata.length === 0) return groups
  for (const message of messages) {
    const partition = partitioner({ topic, partitionMetadata, message })
    groups[partition] ??= []
    groups[partition].push(message)
  }
  return groups
}

/** A request's body: an encoder of kafkajs's, or a body that left room in front of itself for the head (produce.ts). */
interface Body {
  readonly buffer: Buffer
  withHead?(head: Buffer): Buffer
}
interface Sending {
  readonly correlationId: number
  readonly clientId: string
  readonly request: { readonly apiKey: number; readonly apiVersion: number; encode(): Promise<Body> }
}

/** As the original, with one copy of the body or none. */
async function createRequest({ correlationId, clientId, request }: Sending): Promise<{ readonly buffer: Buffer }> {
  const body = await request.encode()
  const client = Buffer.from(clientId)
  const head = Buffer.alloc(14 + client.length)
  head.writeInt32BE(head.length - 4 + body.buffer.length, 0)
  head.writeInt16BE(request.apiKey, 4)
  head.writeInt16BE(request.apiVersion, 6)
  head.writeInt32BE(correlationId, 8)
  head.writeInt16BE(client.length, 12)
  head.set(client, 14)
  return { buffer: body.withHead?.(head) ?? Buffer.concat([head, body.buffer]) }
}

interface ConsumerGroup {
  /** Joining has failed, and nobody has tried again since. */
  isOutside?: boolean
  lastRequest: number
  joinAndSync(): Promise<void>
  heartbeat(options: { interval: number }): Promise<void>
}

const REBALANCE_IN_PROGRESS = 27

/** As the original, but who has failed to join is told to, as by the broker: the runner then joins again. */
function repairMembership(group: ConsumerGroup): void {
  const { createErrorFromCode } = require('kafkajs/src/protocol/error') as { createErrorFromCode(code: number): Error }
  const { joinAndSync, heartbeat } = group
  group.joinAndSync = async function (this: ConsumerGroup) {
    try {
      await joinAndSync.call(this)
      this.isOutside = false
    } catch (error) {
      this.isOutside = true
      throw error
    }
  }
  group.heartbeat = async function (this: ConsumerGroup, options) {
    if (this.isOutside) throw createErrorFromCode(REBALANCE_IN_PROGRESS)
    this.lastRequest = Math.min(this.lastRequest, Date.now())
    return heartbeat.call(this, options)
  }
}

let repaired = false

/** Loads kafkajs with the repairs in place. Calling it again returns the same module.
 * @throws FeedloopError DEPENDENCY_MISSING when another version than the one repaired is installed */
export function loadRepairedKafkaJs(): typeof import('kafkajs') {
  const { version } = require('kafkajs/package.json') as { version: string }
  if (version !== REPAIRED_VERSION)
    throw new FeedloopError('DEPENDENCY_MISSING', `kafkajs ${REPAIRED_VERSION} is needed, ${version} is installed`)
  const queue = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue }
  queue.prototype.scheduleCheckPendingRequests = scheduleCheckPendingRequests
  replaceModule('kafkajs/src/producer/groupMessagesPerPartition', groupMessagesPerPartition)
  replaceModule('kafkajs/src/protocol/request', createRequest)
  if (!repaired)
    repairMembership((require('kafkajs/src/consumer/consumerGroup') as { prototype: ConsumerGroup }).prototype)
  repaired = true
  return require('kafkajs') as typeof import('kafkajs')
}

function replaceModule(path: string, repaired: unknown): void {
  require(path)
  require.cache[require.resolve(path)]!.exports = repaired
}
