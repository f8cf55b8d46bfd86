/**
 * Natural batching: the records of one topic partition that come up within a few milliseconds, or while an append is in
 * flight, go into one append. One append in flight a partition keeps a producer's records in order. An uncertain append
 * is repeated: `events` and `requests` are at least once, their readers know duplicates by id.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isRetryable } from '../errors.ts'
import type { Log, NewRecord } from '../log/log.ts'

export interface Appender {
  /** `stored` is called once the record is acknowledged. */
  add(topic: string, partition: number, record: NewRecord, stored?: () => void): void
  /** Resolves when all that was added before is acknowledged. */
  flush(): Promise<void>
  /** Gives up what is not acknowledged. */
  close(): void
}

export interface AppenderOptions {
  readonly log: Pick<Log, 'append'>
  readonly lingerMs: number
  readonly maxBatchBytes: number
  /** A terminal error; what was being appended is lost. */
  readonly failed: (error: unknown) => void
}

interface Pending {
  readonly record: NewRecord
  readonly stored?: () => void
}

interface Queue {
  readonly topic: string
  readonly partition: number
  pending: Pending[]
  busy: boolean
}

const RECORD_OVERHEAD_BYTES = 64
const BACKOFF_MS = 100

export function createAppender(options: AppenderOptions): Appender {
  const queues = new Map<string, Queue>()
  const idle = new Set<() => void>()
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const schedule = (): void => {
    timer ??= setTimeout(sweep, options.lingerMs)
  }
  const sweep = (): void => {
    timer = undefined
    for (const queue of queues.values()) if (!queue.busy && queue.pending.length > 0) void send(queue)
  }
  const send = async (queue: Queue): Promise<void> => {
    queue.busy = true
    const batch = takeBatch(queue, options.maxBatchBytes)
    try {
      await append(queue, batch)
      for (const { stored } of batch) stored?.()
    } catch (error) {
      if (!closed) options.failed(error)
    }
    queue.busy = false
    if (queue.pending.length > 0) schedule()
    else if ([...queues.values()].every(isIdle)) for (const resolve of idle) resolve()
  }
  const append = async (queue: Queue, batch: readonly Pending[]): Promise<void> => {
    for (;;) {
      try {
        await options.log.append(
          queue.topic,
          queue.partition,
          batch.map(({ record }) => record),
        )
        return
      } catch (error) {
        if (closed || !isRetryable(error)) throw error
        await sleep(BACKOFF_MS)
      }
    }
  }
  return {
    add(topic, partition, record, stored) {
      const name = `${topic}/${partition}`
      let queue = queues.get(name)
      if (queue === undefined) {
        queue = { topic, partition, pending: [], busy: false }
        queues.set(name, queue)
      }
      queue.pending.push({ record, stored })
      if (!queue.busy) schedule()
    },
    flush: () =>
      new Promise(resolve => {
        const finish = (): void => {
          idle.delete(finish)
          resolve()
        }
        if (closed || [...queues.values()].every(isIdle)) resolve()
        else idle.add(finish)
      }),
    close() {
      closed = true
      clearTimeout(timer)
      for (const resolve of idle) resolve()
    },
  }
}

const isIdle = (queue: Queue): boolean => !queue.busy && queue.pending.length === 0

function takeBatch(queue: Queue, maxBytes: number): readonly Pending[] {
  let bytes = 0
  let count = 0
  for (const { record } of queue.pending) {
    bytes += RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0)
    if (bytes > maxBytes && count > 0) break
    count++
  }
  const batch = queue.pending
  queue.pending = batch.splice(count)
  return batch
}
