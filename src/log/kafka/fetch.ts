/**
 * Reading: all reads that wait for one broker go into one fetch request, on a connection of its own, again and again while
 * any waits. The broker holds a fetch for FETCH_WAIT_MS at most, so a read that is asked meanwhile is not held up longer;
 * it answers at once when a record comes. An empty answer is given only after the broker itself said that there is none.
 */
import { FeedloopError } from '../../errors.ts'
import type { LogRecord, ReadOptions } from '../log.ts'
import { type DecodedBatches, decodeBatches } from './batch.ts'
import { createErrorFromCode, Decoder, fetchRequest, type WireDecoder } from './kafkajs.ts'
import type { Node } from './node.ts'
import { answeredError } from './refusals.ts'
import { PATIENCE_MS, persist } from './retry.ts'
import type { Router } from './router.ts'

const FETCH_WAIT_MS = 20
/** Of one answer: it is copied together from what the socket gives, and what is in the caches then is cheap. */
const FETCH_BYTES = 8 << 20
const READ_COMMITTED = 1
const OFFSET_OUT_OF_RANGE = 1

interface Waiting {
  readonly topic: string
  readonly partition: number
  /** Where the next fetch begins: beyond `from` once control batches were skipped. */
  offset: number
  maxBytes: number
  readonly deadline: number
  readonly resolve: (records: readonly LogRecord[]) => void
  readonly reject: (error: unknown) => void
}

interface Fetcher {
  readonly node: Node
  readonly waiting: Set<Waiting>
  busy: boolean
}

export type Read = (
  topic: string,
  partition: number,
  offset: number,
  options: ReadOptions,
) => Promise<readonly LogRecord[]>

export function createRead(router: Router, closed: AbortSignal): Read {
  const fetchers = new Map<Node, Fetcher>()

  /** Puts a read to the leader's fetcher; settles when that is done with it. */
  const ask = async (read: Omit<Waiting, 'resolve' | 'reject'>, over: AbortSignal): Promise<readonly LogRecord[]> => {
    const node = await router.leader(read.topic, read.partition)
    if (over.aborted) return []
    if (!fetchers.has(node)) fetchers.set(node, { node, waiting: new Set(), busy: false })
    const fetcher = fetchers.get(node)!
    const { promise, resolve, reject } = Promise.withResolvers<readonly LogRecord[]>()
    const waiting: Waiting = { ...read, resolve, reject }
    fetcher.waiting.add(waiting)
    over.addEventListener('abort', () => {
      fetcher.waiting.delete(waiting)
      resolve([])
    })
    if (!fetcher.busy) run(fetcher, router)
    return await promise
  }
  return async (topic, partition, offset, { maxBytes = 1 << 20, waitMs = 0, signal }) => {
    if (!(offset >= 0)) throw new FeedloopError('OFFSET_OUT_OF_RANGE', `${topic}/${partition}: ${offset}`)
    const over = new AbortController()
    const stop = () => over.abort()
    // Not AbortSignal.any: what it makes would hang on `closed` as long as the log lives, one more for each read.
    for (const source of [signal, closed]) source?.addEventListener('abort', stop)
    if (signal?.aborted || closed.aborted) stop()
    try {
      const read = { topic, partition, offset, maxBytes, deadline: performance.now() + waitMs }
      const records = await persist(() => ask(read, over.signal), over.signal, PATIENCE_MS + waitMs)
      if (closed.aborted) throw new FeedloopError('LOG_UNAVAILABLE', 'the log is closed')
      return records
    } catch (error) {
      if (signal?.aborted) return []
      throw error
    } finally {
      for (const source of [signal, closed]) source?.removeEventListener('abort', stop)
    }
  }
}

/** Fetches while any read waits. */
async function run(fetcher: Fetcher, router: Router): Promise<void> {
  fetcher.busy = true
  while (fetcher.waiting.size > 0) {
    const round = takeRound(fetcher)
    try {
      const results = await fetchRound(fetcher.node, round)
      for (const waiting of round) await settle(fetcher, waiting, results, router)
    } catch (error) {
      for (const waiting of round) fail(fetcher, waiting, error, router)
    }
    await answersHeard()
  }
  fetcher.busy = false
}

/** Who was answered asks again at once: in the round that goes out now, not in the one after it, which the broker may hold. */
const answersHeard = (): Promise<void> => new Promise(resolve => process.nextTick(resolve))

function fail(fetcher: Fetcher, waiting: Waiting, error: unknown, router: Router): void {
  router.forget(waiting.topic)
  fetcher.waiting.delete(waiting)
  waiting.reject(error)
}

/** One read a partition: a fetch request has room for one offset of each. */
function takeRound(fetcher: Fetcher): Waiting[] {
  const round = new Map<string, Waiting>()
  for (const waiting of fetcher.waiting) {
    const key = `${waiting.topic}/${waiting.partition}`
    if (!round.has(key)) round.set(key, waiting)
  }
  return [...round.values()]
}

interface PartitionResult {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  /** Readers may see what is below. */
  readonly end: number
  readonly aborted: readonly { producerId: bigint; firstOffset: number }[]
  readonly bytes: Buffer
}

async function fetchRound(node: Node, round: readonly Waiting[]): Promise<Map<string, PartitionResult>> {
  const now = performance.now()
  const patienceMs = Math.min(...round.map(({ deadline }) => deadline - now), FETCH_WAIT_MS)
  const partition = ({ partition, offset, maxBytes }: Waiting) => ({ partition, fetchOffset: String(offset), maxBytes })
  const byTopic = Map.groupBy(round, ({ topic }) => topic)
  const request = fetchRequest({
    replicaId: -1,
    isolationLevel: READ_COMMITTED,
    maxWaitTime: Math.max(0, Math.ceil(patienceMs)),
    minBytes: 1,
    maxBytes: FETCH_BYTES,
    topics: [...byTopic].map(([topic, reads]) => ({ topic, partitions: reads.map(partition) })),
  })
  const results = await node.send('fetches', { request, decode: decodeAnswer })
  return new Map(results.map(result => [`${result.topic}/${result.partition}`, result]))
}

/** Fetch, version 11, without a fetch session. @throws FeedloopError LOG_UNAVAILABLE on an error of the whole request */
async function decodeAnswer(bytes: Buffer): Promise<PartitionResult[]> {
  const decoder = new Decoder(bytes)
  decoder.readInt32() // throttle time: the broker has waited already
  const errorCode = decoder.readInt16()
  if (errorCode !== 0) throw new FeedloopError('LOG_UNAVAILABLE', createErrorFromCode(errorCode).message)
  decoder.readInt32() // session id
  return decoder.readArray(topicResult).flat()
}

function topicResult(decoder: WireDecoder): PartitionResult[] {
  const topic = decoder.readString()
  return decoder.readArray(() => {
    const partition = decoder.readInt32()
    const errorCode = decoder.readInt16()
    decoder.readInt64() // high watermark
    const end = Number(decoder.readInt64().toString())
    decoder.readInt64() // log start offset
    const aborted = decoder.readArray(() => ({
      producerId: BigInt(decoder.readInt64().toString()),
      firstOffset: Number(decoder.readInt64().toString()),
    }))
    decoder.readInt32() // preferred read replica: we read from leaders
    return { topic, partition, errorCode, end, aborted, bytes: decoder.readBytes() ?? Buffer.alloc(0) }
  })
}

/** Gives one read its answer, or lets it wait for the next round, before those that came later. */
async function settle(
  fetcher: Fetcher,
  waiting: Waiting,
  results: ReadonlyMap<string, PartitionResult>,
  router: Router,
): Promise<void> {
  if (!fetcher.waiting.has(waiting)) return
  const result = results.get(`${waiting.topic}/${waiting.partition}`)
  if (result?.errorCode !== 0) return fail(fetcher, waiting, toError(waiting, result?.errorCode ?? -1), router)
  let decoded: DecodedBatches
  try {
    decoded = await decodeBatches(result.bytes, waiting, result.aborted)
  } catch (error) {
    return fail(fetcher, waiting, error, router)
  }
  if (decoded.bytesNeeded) waiting.maxBytes = Math.max(decoded.bytesNeeded, waiting.maxBytes)
  waiting.offset = decoded.nextOffset
  // A full response leaves partitions empty that are not: only the end of the partition says that there is none.
  const over = performance.now() >= waiting.deadline && waiting.offset >= result.end
  if (decoded.records.length === 0 && !over) return
  fetcher.waiting.delete(waiting)
  waiting.resolve(decoded.records)
}

function toError({ topic, partition, offset }: Waiting, code: number): FeedloopError {
  const otherwise = code === OFFSET_OUT_OF_RANGE ? 'OFFSET_OUT_OF_RANGE' : 'LOG_UNAVAILABLE'
  return answeredError(code, `${topic}/${partition} at ${offset}`, otherwise)
}
