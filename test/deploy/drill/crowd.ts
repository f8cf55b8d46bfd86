/** People who ask a hundred times a second, and like what they are told to like. */
import { setTimeout as sleep } from 'node:timers/promises'
import { partitionFor } from '../../../src/log/partition.ts'
import type { ServiceContext } from '../../../src/operate/context.ts'
import { type TopicName, topicName } from '../../../src/pipeline.ts'
import { did, request } from '../../operate/live.ts'

const EVERY_MS = 100
const AT_ONCE = 10
/** From what is shown to what is done about it. */
const LATER = 5
const people = Array.from({ length: 200 }, (_, n) => `person-${n}`)
/** So many that what is drawn at random is rarely the same. */
export const items = Array.from({ length: 40 }, (_, n) => `item-${n}`)

export interface Crowd {
  /** What they click on where it is shown; undefined: nothing. */
  likes: string | undefined
  /** What whoever asks would show himself. */
  baseline: readonly string[] | undefined
  close(): Promise<void>
}

/** Puts the catalogue on the bus. */
export async function shop({ log, wire, config }: ServiceContext): Promise<void> {
  const values = items.map(item_id => ({
    item_id,
    text: item_id,
    attributes: {},
    available: true,
    time_ms: Date.now(),
  }))
  const records = values.map(value => ({ key: Buffer.from(value.item_id), value: wire.encode('items', value) }))
  await log.append(topicName(config.topics.prefix, 'items'), 0, records)
}

export function openCrowd({ log, wire, config }: ServiceContext): Crowd {
  const { prefix, partitions } = config.topics
  const stop = new AbortController()
  /** While the line is cut nobody is heard. */
  const put = async (topic: TopicName, values: readonly { readonly user_id: string }[]): Promise<void> => {
    const byPartition = Map.groupBy(values, ({ user_id }) => partitionFor(user_id, partitions))
    for (const [partition, own] of byPartition) {
      const records = own.map(value => ({ key: Buffer.from(value.user_id), value: wire.encode(topic, value) }))
      await log.append(topicName(prefix, topic), partition, records).catch(() => {})
    }
  }
  const crowd = { likes: undefined, baseline: undefined } as Pick<Crowd, 'likes' | 'baseline'>
  const live = async (): Promise<void> => {
    for (let turn = 0; !stop.signal.aborted; turn++) {
      const began = performance.now()
      const of = (at: number) => Array.from({ length: AT_ONCE }, (_, n) => people[(at * AT_ONCE + n) % people.length]!)
      await put(
        'requests',
        of(turn).map(user => request(user, { baseline: crowd.baseline ? [...crowd.baseline] : null })),
      )
      const { likes } = crowd
      if (likes && turn >= LATER)
        await put(
          'events',
          of(turn - LATER).map(user => did(user, 'click', { item_id: likes })),
        )
      await sleep(Math.max(0, EVERY_MS - (performance.now() - began)), undefined, { signal: stop.signal }).catch(
        () => {},
      )
    }
  }
  const living = live()
  return Object.assign(crowd, {
    close() {
      stop.abort()
      return living
    },
  })
}
