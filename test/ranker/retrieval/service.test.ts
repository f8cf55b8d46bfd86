/** The ranker service with a catalogue that is searched in a thread. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { Recommendation } from '../../../schemas/records.ts'
import { parseConfig } from '../../../src/config.ts'
import { vectorToBytes } from '../../../src/features/store.ts'
import { openEmbeddedLog } from '../../../src/log/embedded/embedded.ts'
import { applyTopics, topicSpecs } from '../../../src/log/topics.ts'
import { createWire } from '../../../src/log/wire/create.ts'
import { createMeter } from '../../../src/metrics.ts'
import { startServices, stopServices } from '../../../src/operate/run.ts'
import type { TopicName } from '../../../src/pipeline.ts'
import { event, request } from '../fixtures.ts'
import { exactBest, vectorsLike } from './vectors.ts'

const prefix = 'r.'
const dimensions = 512
const ITEMS = 5000

test('the service searches a large catalogue before the step', async () => {
  const log = openEmbeddedLog()
  const config = parseConfig({
    features: { dimensions },
    topics: { prefix, partitions: 1 },
    policies: [{ candidates: { max: 50 } }],
    http: { port: 0 },
  })
  await applyTopics(log, topicSpecs({ ...config.topics, policies: 1 }))
  const wire = await createWire({ prefix })
  const meter = createMeter()
  const put = (topic: TopicName, records: readonly (readonly [string, unknown])[]) =>
    log.append(
      `${prefix}${topic}`,
      0,
      records.map(([key, value]) => ({ key: Buffer.from(key), value: wire.encode(topic, value) })),
    )
  const { vectors } = vectorsLike('topics', ITEMS, dimensions, 0)
  for (let from = 0; from < ITEMS; from += 250)
    await put(
      'features',
      vectors.slice(from, from + 250).map((vector, i) => {
        const item = { item_id: String(from + i), feature_version: 1, encoder_version: 'test-1', time_ms: 1 }
        const feature_key = `${from + i}@1`
        return [feature_key, { ...item, feature_key, vector: vectorToBytes(vector), attributes: {}, available: true }]
      }),
    )
  const context = { config, log, wire, meter, logger: pino({ level: 'silent' }), now: Date.now }
  const time_ms = Date.now()
  await put('events', [['ann', event({ item_id: '11', time_ms })]])
  const running = await startServices(context, ['ranker'])
  try {
    for (const endMs = Date.now() + 30_000; running.some(each => each.waitingFor() !== ''); await sleep(20))
      assert.ok(Date.now() < endMs, 'not ready')
    await put('requests', [['ann', request({ time_ms })]])
    const decision = await first()
    const found = decision.candidates.filter(({ source }) => source === 'retrieval').map(each => Number(each.item_id))
    assert.deepEqual(found, exactBest(vectors.keys(), vectors, vectors[11], 47))
    assert.equal(decision.retrieval_version, 'history-1')
    const text = await meter.registry.metrics()
    assert.match(text, /^feedloop_retrieval_seconds_count 1$/m)
    assert.match(text, /^feedloop_retrieval_behind_items\{policy="default"\} 0$/m)
  } finally {
    await stopServices(running)
    await log.close()
  }

  async function first(): Promise<Recommendation> {
    for (const endMs = Date.now() + 30_000; ; ) {
      const records = await log.read(`${prefix}recommendations`, 0, 0)
      const [value] = records.filter(record => record.value !== null).map(record => record.value!)
      if (value) return wire.decode('recommendations', value) as Recommendation
      assert.ok(Date.now() < endMs, 'no decision')
      await sleep(20)
    }
  }
})
