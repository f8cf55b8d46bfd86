/** Fills the ranker's topics before anything is measured, in batches as large as may be, and publishes versions. */
import type { ModelVersion } from '../../schemas/records.ts'
import { realRim } from '../../src/log/chain/rim.ts'
import { chainRules } from '../../src/log/chain/rules.ts'
import { createWriter } from '../../src/log/chain/writer.ts'
import type { Log, NewRecord } from '../../src/log/log.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { inBatches } from '../../src/log/size.ts'
import type { Wire } from '../../src/log/wire/wire.ts'
import { type TopicName, topicName, topics } from '../../src/pipeline.ts'
import { releaseOf } from './train.ts'
import { itemFeatures, pastEvents } from './world.ts'

export interface Place {
  readonly log: Log
  readonly wire: Wire
  readonly prefix: string
}

/** Appends on their way at a time. */
const FLYING = 4

/** The catalogue, and what everybody did before. */
export async function publishWorld(place: Place, items: number, partitions: number): Promise<void> {
  const { wire } = place
  const now = Date.now()
  const features = itemFeatures(items, now)
  await appendAll(
    place,
    'features',
    0,
    mapped(features, each => ({ key: Buffer.from(each.feature_key), value: wire.encode('features', each) })),
  )
  const events = Map.groupBy(pastEvents(items, now), ({ user_id }) => partitionFor(user_id, partitions))
  for (const [partition, own] of events)
    await appendAll(
      place,
      'events',
      partition,
      mapped(own, each => ({ key: Buffer.from(each.user_id), value: wire.encode('events', each) })),
    )
}

function* mapped<A, B>(values: Iterable<A>, to: (value: A) => B): Iterable<B> {
  for (const value of values) yield to(value)
}

async function appendAll(place: Place, topic: TopicName, partition: number, records: Iterable<NewRecord>) {
  const flying: Promise<unknown>[] = []
  for (const batch of inBatches(records, topics[topic].maxBatchBytes / 2)) {
    flying.push(place.log.append(topicName(place.prefix, topic), partition, batch))
    if (flying.length >= FLYING) await flying.shift()
  }
  await Promise.all(flying)
}

/** Puts versions in service one after the other, as learner and gate do: a version, then its release. What is costly, the
 * encoding, is done before. */
export function createPublisher({ log, wire, prefix }: Place, versions: readonly ModelVersion[]) {
  const io = { log, rim: realRim(), rules: chainRules }
  const writer = (topic: TopicName) => {
    const at = { topic: topicName(prefix, topic), partition: 0 }
    const chain = createWriter(io, at, { head: null, end: 0, partitions: 1 })
    return (value: Buffer, timeMs: number) => {
      const content = { inputs: [], tick: { timeMs, watermarkMs: timeMs } }
      return chain.append(io.rim.randomId(), content, [{ key: Buffer.from('default'), value, timestampMs: timeMs }])
    }
  }
  const [models, releases] = [writer('models'), writer('releases')]
  const encoded = versions.map(version => ({
    model: wire.encode('models', version),
    release: wire.encode('releases', releaseOf(version)),
  }))
  return {
    get left() {
      return encoded.length
    },
    async next(): Promise<void> {
      const { model, release } = encoded.shift()!
      const timeMs = Date.now()
      await models(model, timeMs)
      await releases(release, timeMs)
    },
  }
}
