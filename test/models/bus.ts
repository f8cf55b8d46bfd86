/** An embedded log with our topics, and who writes one of its chains in a stage's place. */
import type { Config } from '../../src/config.ts'
import { realRim } from '../../src/log/chain/rim.ts'
import { chainRules } from '../../src/log/chain/rules.ts'
import { createWriter, type Writer } from '../../src/log/chain/writer.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter } from '../../src/metrics.ts'
import { createLogger, type ServiceContext } from '../../src/operate/context.ts'
import { type TopicName, topicName } from '../../src/pipeline.ts'

export async function openBus(config: Config, log: Log = openEmbeddedLog()): Promise<ServiceContext> {
  const wire = await createWire({ prefix: config.topics.prefix })
  await applyTopics(log, topicSpecs({ ...config.topics, policies: config.policies.length }))
  return { config, log, wire, meter: createMeter(), logger: createLogger('silent'), now: Date.now }
}

/** Appends a value, or bytes as they are, to partition 0 of a chained topic, a batch each. */
export function chainOf({ config, log, wire }: ServiceContext, topic: TopicName): (value: unknown) => Promise<void> {
  const io = { log, rim: realRim(), rules: chainRules }
  const at = { topic: topicName(config.topics.prefix, topic), partition: 0 }
  const writer = createWriter(io, at, { head: null, end: 0, partitions: 1 })
  const content = { inputs: [], tick: { timeMs: 0, watermarkMs: 0 } } as unknown as Parameters<Writer['append']>[1]
  return async value => {
    const record = { key: Buffer.from('default'), value: Buffer.isBuffer(value) ? value : wire.encode(topic, value) }
    await writer.append(io.rim.randomId(), content, [record])
  }
}
