/** Puts an environment's items and profiles on the bus, as a catalogue service would. */
import type { Log } from '../log/log.ts'
import { partitionFor } from '../log/partition.ts'
import type { Wire } from '../log/wire/wire.ts'
import { type TopicName, topicName } from '../pipeline.ts'
import type { Environment } from './environment.ts'

export interface PublishOptions {
  readonly environment: Environment
  readonly log: Log
  readonly wire: Wire
  readonly prefix: string
  readonly now?: () => number
}

const BATCH_RECORDS = 500

/** To be awaited, and its items served by the features stage, before traffic starts. @throws what `Log.append` throws */
export async function publishWorld(options: PublishOptions): Promise<void> {
  const { environment } = options
  const timeMs = (options.now ?? Date.now)()
  const items = environment.items().map(item => ({ ...item, time_ms: timeMs }))
  const profiles = (environment.profiles?.() ?? []).map(profile => ({ ...profile, time_ms: timeMs }))
  await publish(options, 'items', new Map(items.map(item => [item.item_id, item])))
  await publish(options, 'users', new Map(profiles.map(profile => [profile.user_id, profile])))
}

async function publish(
  { log, wire, prefix }: PublishOptions,
  topic: TopicName,
  values: ReadonlyMap<string, unknown>,
): Promise<void> {
  if (values.size === 0) return
  const name = topicName(prefix, topic)
  const count = await log.partitionCount(name)
  const byPartition = Map.groupBy(values, ([key]) => partitionFor(key, count))
  for (const [partition, entries] of byPartition) {
    const records = entries.map(([key, value]) => ({ key: Buffer.from(key), value: wire.encode(topic, value) }))
    for (let i = 0; i < records.length; i += BATCH_RECORDS)
      await log.append(name, partition, records.slice(i, i + BATCH_RECORDS))
  }
}
