/**
 * Appends of the gateway: each call's own, since the log itself puts together what comes up while another is on its way.
 * An append in doubt is repeated (readers know duplicates by id). A partition that acknowledges nothing for a while is
 * silent: who would have to wait behind it is told at once, so that an outage costs no caller its whole patience, and no
 * more is held here than came up within that while.
 */
import { FeedloopError } from '../errors.ts'
import { type Patience, realRim, retrying } from '../log/chain/rim.ts'
import type { Log, NewRecord } from '../log/log.ts'
import { inBatches } from '../log/size.ts'
import { topicName, topics } from '../pipeline.ts'

export type Topic = 'requests' | 'events' | 'items'

export interface Appends {
  /** @throws FeedloopError LOG_UNAVAILABLE where the partition is silent */
  assertHeard(topic: Topic, partition: number): void
  /** Resolves when all is acknowledged.
   * @throws FeedloopError LOG_UNAVAILABLE where the partition is silent, terminal codes of `append`; Stopped on the signal */
  add(topic: Topic, partition: number, records: readonly NewRecord[], signal?: AbortSignal): Promise<void>
  /** The same for what must not get lost, whatever the log does: tried until the end. */
  insist(topic: Topic, partition: number, record: NewRecord): void
  /** Ends all tries as soon as what was insisted on is acknowledged, and after `withinMs` at the latest.
   * @returns how many were given up */
  end(withinMs: number): Promise<number>
}

/** From the first append that is not acknowledged to the silence of its partition. */
export const SILENT_MS = 1000

export function createAppends(
  log: Pick<Log, 'append'>,
  prefix: string,
  now: () => number,
  failed: (error: unknown) => void,
): Appends {
  /** When each append that is under way began, oldest first. */
  const underWay = new Map<string, Set<{ readonly sinceMs: number }>>()
  const insisted = new Set<Promise<void>>()
  const closing = new AbortController()
  const rim = realRim(now)
  const lane = (topic: Topic, partition: number) => {
    const name = `${topic}/${partition}`
    if (!underWay.has(name)) underWay.set(name, new Set())
    return underWay.get(name)!
  }
  const append = async (topic: Topic, partition: number, records: readonly NewRecord[], patience: Patience) => {
    const began = { sinceMs: now() }
    const mine = lane(topic, partition).add(began)
    try {
      for (const batch of inBatches(records, topics[topic].maxBatchBytes / 2))
        await retrying(patience, () => log.append(topicName(prefix, topic), partition, batch))
    } finally {
      mine.delete(began)
    }
  }
  const assertHeard = (topic: Topic, partition: number): void => {
    const [oldest] = lane(topic, partition)
    if (oldest !== undefined && now() - oldest.sinceMs > SILENT_MS)
      throw new FeedloopError('LOG_UNAVAILABLE', `${topic}/${partition} has acknowledged nothing for a while`)
  }
  return {
    assertHeard,
    async add(topic, partition, records, signal) {
      assertHeard(topic, partition)
      await append(topic, partition, records, { rim, signal })
    },
    insist(topic, partition, record) {
      const sent = append(topic, partition, [record], { rim, signal: closing.signal })
        .catch(error => closing.signal.aborted || failed(error))
        .then(() => void insisted.delete(sent))
      insisted.add(sent)
    },
    async end(withinMs) {
      const all = Promise.all(insisted).finally(() => closing.abort())
      await Promise.race([all, rim.sleep(withinMs, closing.signal)])
      closing.abort()
      return insisted.size
    },
  }
}
