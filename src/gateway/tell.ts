/** POST /v1/events: what people did, each event to its user's partition; answered when all of it is stored. */
import type { BehaviorEvent } from '../../schemas/records.ts'
import type { NewRecord } from '../log/log.ts'
import { partitionFor } from '../log/partition.ts'
import type { Topic } from './append.ts'
import { type Asking, refuse, within } from './ask.ts'
import { eventsFault } from './step.ts'

export type Telling = Pick<Asking, 'config' | 'wire' | 'now' | 'appends'>

/** Nothing is appended when one of them is invalid. After another failure some may be: the call is repeated whole, since
 * readers know events by their ids.
 * @throws FeedloopError LOG_UNAVAILABLE, record codes */
export type Tell = (events: readonly BehaviorEvent[]) => Promise<void>

export function createTell(telling: Telling): Tell {
  const { config, wire, now } = telling
  return async events => {
    refuse(eventsFault(events, now(), config.limits))
    const records = events.map(event => recordOf(event, wire))
    const partition = (_: NewRecord, index: number): number =>
      partitionFor(events[index].user_id, config.topics.partitions)
    await appendAll(telling, 'events', Map.groupBy(records, partition))
  }
}

/** @param lanes records by partition
 * @throws FeedloopError LOG_UNAVAILABLE, BATCH_TOO_LARGE: some of them may be stored */
export async function appendAll(
  { config, now, appends }: Telling,
  topic: Topic,
  lanes: ReadonlyMap<number, readonly NewRecord[]>,
): Promise<void> {
  const abort = new AbortController()
  const adding = [...lanes].map(([at, own]) => appends.add(topic, at, own, abort.signal))
  try {
    await within({ untilMs: now() + config.gateway.maxTimeoutMs }, now, Promise.all(adding))
  } finally {
    abort.abort()
  }
}

/** With the log's own time: by an old event's, retention would remove the record at once. */
export const recordOf = (event: BehaviorEvent, wire: Telling['wire']): NewRecord => ({
  key: Buffer.from(event.user_id),
  value: wire.encode('events', event),
})
