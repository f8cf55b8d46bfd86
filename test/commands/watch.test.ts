/** It is said what is watched; audits again and again outlast a log that is away. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { auditUntil, describeWatch } from '../../src/commands/watch.ts'
import { parseConfig } from '../../src/config.ts'
import { FeedloopError } from '../../src/errors.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter } from '../../src/metrics.ts'

/** A loop without a record; the first thing that its log is asked is answered by `fails`. */
async function watched(fails: FeedloopError) {
  const log = openEmbeddedLog()
  const config = parseConfig({ topics: { partitions: 1 } })
  const { prefix } = config.topics
  await applyTopics(log, topicSpecs({ ...config.topics, policies: 1 }))
  const lines: { code?: string }[] = []
  const logger = pino({ level: 'warn' }, { write: line => void lines.push(JSON.parse(line)) })
  const ending = new AbortController()
  let calls = 0
  const partitionCount = async (topic: string): Promise<number> => {
    if (calls++ === 0) throw fails
    ending.abort()
    return log.partitionCount(topic)
  }
  const meter = createMeter()
  const wire = await createWire({ prefix })
  const context = { config, log: { ...log, partitionCount }, wire, meter, logger, now: Date.now }
  return { audited: auditUntil(context, 1, ending.signal), meter, lines }
}

test('an audit that finds no log is told of, and is followed by another', async () => {
  const { audited, meter, lines } = await watched(new FeedloopError('LOG_UNAVAILABLE', 'away'))
  await audited
  assert.deepEqual(
    lines.map(({ code }) => code),
    ['LOG_UNAVAILABLE'],
  )
  const { values } = await meter.registry.getSingleMetric('feedloop_accounting_timestamp_seconds')!.get()
  assert.equal(values.length, 1)
})

test('differences are known only once an audit has ended', async () => {
  const shown = (text: string) => text.match(/^feedloop_accounting_differences.*$/gm)
  const { audited, meter } = await watched(new FeedloopError('LOG_UNAVAILABLE', 'away'))
  assert.equal(shown(await createMeter().registry.metrics()), null)
  await audited
  assert.deepEqual(shown(await meter.registry.metrics()), ['feedloop_accounting_differences 0'])
})

test('one that no other try mends ends it', async () => {
  const { audited } = await watched(new FeedloopError('CHAIN_IDENTITY_LOST', 'gone'))
  await assert.rejects(audited, /CHAIN_IDENTITY_LOST/)
})

test('the first line says what is to be expected, and what is not', () => {
  const cases: [number, number, RegExp][] = [
    [0, 60, /^watching: no heartbeats, for heartbeat.everyMs is 0 .*; an audit now and every 60 min/],
    [2500, 0, /^watching: a heartbeat to each partition every 2.5 s; no audits, for --audit-every is 0$/],
  ]
  for (const [everyMs, minutes, line] of cases)
    assert.match(describeWatch(parseConfig({ heartbeat: { everyMs } }), minutes), line)
})
