/**
 * Broadcast topics (features, models, releases): every instance reads them whole, from the first record on or from where it
 * is told to begin (src/models/start.ts), and for ever, outside the group. Chained ones are read by the reader's rule. A record that does not decode is logged and passed over.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isCode, isRetryable } from '../errors.ts'
import type { Batch } from '../log/chain/batches.ts'
import { decodeOrPass } from '../log/chain/codec.ts'
import { openFeed } from '../log/chain/feed.ts'
import { type ChainIo, type Partition, realRim, retrying, Stopped } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import type { LogRecord } from '../log/log.ts'
import { type TopicName, topicName, topics } from '../pipeline.ts'
import type { ServiceContext } from './context.ts'

export interface Follower {
  /** Resolves once everything that was in the topic when `follow` was called has been taken; rejects with Stopped. */
  readonly caughtUp: Promise<void>
  /** Resolves once everything that is in the topic now has been taken. @throws Stopped after `stop` */
  catchUp(): Promise<void>
  /** Rejects when the topic can't be followed any more; a chain's fault is waited out, since `chain adopt` may mend it. */
  readonly failed: Promise<never>
  stop(): Promise<void>
}

const WAIT_MS = 200
const BACKOFF_MS = 500
/** Faults of a chain that an operator may mend while we run (`feedloop chain adopt`). */
const mendable = ['CHAIN_IDENTITY_LOST', 'CHAIN_NO_ANCHOR'] as const

interface Source {
  /** Everything before it has been read. */
  readonly position: () => number
  poll(waitMs: number): Promise<readonly LogRecord[]>
}

export interface FollowOptions {
  /** First offset by partition; the first record of those that it does not name. */
  readonly from?: readonly number[]
  /** Told of the key of each deletion. */
  readonly drop?: (key: string) => void
}

/** May be a promise: of a partition the next is taken after it. */
export type Take<T> = (value: T, record: LogRecord) => unknown

export function follow<T>(
  context: ServiceContext,
  topic: TopicName,
  take: Take<T>,
  { from = [], drop }: FollowOptions = {},
): Follower {
  const { log, config, logger } = context
  const name = topicName(config.topics.prefix, topic)
  const abort = new AbortController()
  const io: ChainIo = { log, rim: realRim(context.now), rules: chainRules, signal: abort.signal }
  const sources: Source[] = []
  /** By partition: everything before it has been taken. */
  const taken: number[] = []
  const waiters = new Set<() => void>()
  /** Looks again after every read. @throws Stopped: who waits must not go on with what is not there */
  const waitUntil = (condition: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!condition() && !abort.signal.aborted) return
        waiters.delete(look)
        if (condition()) resolve()
        else reject(new Stopped())
      }
      waiters.add(look)
      look()
    })
  const take1 = async (record: LogRecord): Promise<void> => {
    if (record.value === null && record.key !== null) return drop?.(record.key.toString())
    const value = await decodeOrPass<T>(io, context, topic, record)
    if (value === null) return
    try {
      await take(value, record)
    } catch (error) {
      logger.error({ topic: name, offset: record.offset, error: String(error) }, 'broadcast record passed over')
    }
  }
  const pump = async (source: Source, partition: number): Promise<void> => {
    while (!abort.signal.aborted) {
      try {
        for (const record of await source.poll(WAIT_MS)) {
          if (abort.signal.aborted) return
          await take1(record)
        }
        taken[partition] = source.position()
        for (const look of waiters) look()
      } catch (error) {
        if (abort.signal.aborted) return
        if (!isRetryable(error) && !mendable.some(code => isCode(error, code))) throw error
        logger.warn({ topic: name, error: String(error) }, 'broadcast read failed')
        await sleep(BACKOFF_MS, undefined, { signal: abort.signal }).catch(() => {})
      }
    }
  }
  const opened = (async () => {
    const partitions = await retrying(io, () => log.partitionCount(name))
    for (let partition = 0; partition < partitions; partition++) {
      const source = await openSource(io, { topic: name, partition }, topics[topic].chained, from[partition])
      taken.push(source.position())
      sources.push(source)
    }
  })()
  const pumping = opened.then(() => Promise.all(sources.map(pump)))
  const catchUp = async (): Promise<void> => {
    await opened
    for (const partition of sources.keys()) {
      const { latest } = await retrying(io, () => log.ends(name, partition))
      await waitUntil(() => taken[partition] >= latest)
    }
  }
  const stopped = pumping.then(() => {
    throw new Stopped()
  })
  const caughtUp = Promise.race([catchUp(), stopped])
  const failed = pumping
    .catch(error => {
      if (!abort.signal.aborted) throw error
    })
    .then(() => new Promise<never>(() => {}))
  // Who waits for them hears of a failure; nobody may be waiting yet.
  for (const promise of [failed, caughtUp]) promise.catch(() => {})
  return {
    caughtUp,
    catchUp: () => Promise.race([catchUp(), failed]),
    failed,
    async stop() {
      abort.abort()
      for (const look of waiters) look()
      await pumping.catch(() => {})
    },
  }
}

async function openSource(io: ChainIo, at: Partition, chained: boolean, from?: number): Promise<Source> {
  const { log, signal } = io
  if (chained) {
    const feed = await openFeed(io, at, await stillThere(io, at, from))
    return { position: () => feed.offset, poll: async waitMs => (await feed.poll({ waitMs, signal })).flatMap(outputs) }
  }
  let offset = from ?? (await retrying(io, () => log.ends(at.topic, at.partition))).earliest
  return {
    position: () => offset,
    async poll(waitMs) {
      const records = await log.read(at.topic, at.partition, offset, { waitMs, signal })
      if (records.length > 0) offset = records.at(-1)!.offset + 1
      return records
    },
  }
}

/** What was found a moment ago may be behind retention by now. */
async function stillThere(io: ChainIo, at: Partition, from?: number): Promise<{ next: number } | null> {
  const { earliest } = await retrying(io, () => io.log.ends(at.topic, at.partition))
  return from !== undefined && from > earliest ? { next: from } : null
}

const outputs = (batch: Batch): readonly LogRecord[] => batch.records
