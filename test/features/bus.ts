/** An embedded log with the topics of the features stage, and the stage on it. */
import assert from 'node:assert/strict'
import { afterEach } from 'node:test'
import { pino } from 'pino'
import type { Item } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { runFeatures } from '../../src/features/service.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { createWire } from '../../src/log/wire/create.ts'
import type { Wire } from '../../src/log/wire/wire.ts'
import { createMeter } from '../../src/metrics.ts'
import type { Running } from '../../src/operate/context.ts'
import type { TopicName } from '../../src/pipeline.ts'

export const prefix = 'f.'
export const USERS = 3

export async function bus() {
  const log = openEmbeddedLog()
  const specs = (
    [
      ['items', 1],
      ['features', 1],
      ['users', USERS],
      ['profiles', USERS],
      ['dead-letters', 1],
    ] as const
  ).map(([topic, partitions]) => ({ topic: prefix + topic, partitions, replicationFactor: 1, config: {} }))
  await log.createTopics(specs)
  return { log, wire: await createWire({ prefix }) }
}

/** A test that fails must not keep the process. */
const started: Running[] = []
afterEach(async () => {
  for (const running of started.splice(0)) await running.stop()
})

export const start = async (
  { log, wire }: { log: Log; wire: Wire },
  features: ConfigInput['features'] = {},
  { say = () => {}, now = Date.now }: { say?: (line: string) => void; now?: () => number } = {},
) => {
  const meter = createMeter()
  const config = parseConfig({ topics: { prefix, partitions: USERS }, features: { dimensions: 8, ...features } })
  const context = { config, log, wire, meter, logger: pino({ level: 'warn' }, { write: say }), now }
  const running = await runFeatures(context)
  started.push(running)
  const counted = async (what: string, result: string) => {
    const metric = await meter.registry.getSingleMetric('feedloop_encoded_total')!.get()
    return metric.values.find(each => each.labels.what === what && each.labels.result === result)?.value ?? 0
  }
  return { running, counted }
}

export const item = (id: string, text: string, timeMs: number, more: Partial<Item> = {}): Item => ({
  item_id: id,
  text,
  attributes: {},
  available: true,
  time_ms: timeMs,
  ...more,
})

/** @param timestampMs of the record, which is the time of a deletion; default the log's */
export async function put(
  { log, wire }: { log: Log; wire: Wire },
  topic: TopicName,
  key: string,
  value: unknown,
  timestampMs?: number,
) {
  const partition = partitionFor(key, await log.partitionCount(prefix + topic))
  const bytes = value === null ? null : Buffer.isBuffer(value) ? value : wire.encode(topic, value)
  await log.append(prefix + topic, partition, [{ key: Buffer.from(key), value: bytes, timestampMs }])
}

export async function all<T>({ log, wire }: { log: Log; wire: Wire }, topic: TopicName) {
  const found: { key: string; partition: number; value: T | null }[] = []
  for (let partition = 0; partition < (await log.partitionCount(prefix + topic)); partition++)
    for (const { key, value } of await log.read(prefix + topic, partition, 0, { maxBytes: 1e9 }))
      found.push({ key: key!.toString(), partition, value: value && (wire.decode(topic, value) as T) })
  return found
}

export async function until<T>(look: () => Promise<T>, good: (seen: T) => boolean): Promise<T> {
  const deadline = Date.now() + 5000
  for (;;) {
    const seen = await look()
    if (good(seen)) return seen
    assert.ok(Date.now() < deadline, `did not happen within 5 s: ${JSON.stringify(seen)}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
