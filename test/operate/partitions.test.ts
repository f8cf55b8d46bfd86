import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { parseConfig } from '../../src/config.ts'
import { isCode } from '../../src/errors.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter } from '../../src/metrics.ts'
import { startServices } from '../../src/operate/run.ts'
import { pipeline } from '../../src/pipeline.ts'

for (const { stage, reads, writes } of pipeline)
  test(`${stage} does not start on topics of another partition count than configured`, async () => {
    const prefix = 'c.'
    const log = openEmbeddedLog()
    await applyTopics(log, topicSpecs({ prefix, partitions: 3, policies: 1, replicationFactor: 1 }))
    const wire = await createWire({ prefix })
    const config = parseConfig({ topics: { prefix, partitions: 2 } })
    const context = { config, log, wire, meter: createMeter(), logger: pino({ level: 'silent' }), now: Date.now }
    const perUser = [...reads, ...writes].some(topic => !['items', 'features', 'models', 'releases'].includes(topic))
    if (!perUser) return assert.equal(stage, 'gate')
    await assert.rejects(startServices(context, [stage]), error => isCode(error, 'PARTITION_COUNT_CHANGED'))
  })
