/** A policy is added: `models` gets a partition more. Whose records depend on the count are stopped, these go on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonWire } from '../../../src/log/chain/simulation/stages.ts'
import { startTask } from '../../../src/log/chain/task.ts'
import { openEmbeddedLog } from '../../../src/log/embedded/embedded.ts'
import type { Log } from '../../../src/log/log.ts'
import { createMeter } from '../../../src/metrics.ts'
import type { TopicName } from '../../../src/pipeline.ts'
import { adding, logger, readUntil } from './tasks.ts'

async function bus(): Promise<Log> {
  const log = openEmbeddedLog()
  const spec = (topic: string, partitions: number) => ({ topic, partitions, replicationFactor: 1, config: {} })
  await log.createTopics([
    spec('requests', 1),
    spec('models', 2),
    spec('events', 2),
    spec('recommendations', 1),
    spec('dead-letters', 1),
  ])
  return log
}

/** Counts `topic` as having `count` partitions. */
const counting = (log: Log, topic: string, count: number): Log =>
  new Proxy(log, {
    get: (target, name) =>
      name === 'partitionCount'
        ? (asked: string) => (asked === topic ? Promise.resolve(count) : target.partitionCount(asked))
        : Reflect.get(target, name),
  })

const begin = (log: Log, topics: readonly [TopicName, number][], output: TopicName) =>
  startTask({
    log,
    wire: jsonWire,
    meter: createMeter(),
    logger,
    stage: { ...adding, recovery: 'positions-in-output' },
    prefix: '',
    inputs: topics.map(([topic, partition]) => ({ topic, partition })),
    output: { topic: output, partition: 0 },
    view: () => undefined,
    now: Date.now,
    step: { intervalMs: 1, maxRecords: 50, maxBytes: 1 << 20, progressMs: 30, idleMs: 100 },
  })

const ask = (log: Log, n: number) =>
  log.append('requests', 0, [{ key: Buffer.from('u'), value: Buffer.from(JSON.stringify({ n })) }])

for (const [input, goesOn] of [
  ['models', true],
  ['events', false],
] as const)
  test(`one more partition of ${input} to read: ${goesOn ? 'goes on' : 'stops with a code'}`, async () => {
    const log = await bus()
    await ask(log, 1)
    const first = begin(
      log,
      [
        ['requests', 0],
        [input, 0],
      ],
      'recommendations',
    )
    await readUntil(log, '', all => all.length === 1)
    await first.stop()
    await ask(log, 2)
    const second = begin(
      log,
      [
        ['requests', 0],
        [input, 0],
        [input, 1],
      ],
      'recommendations',
    )
    if (!goesOn) return assert.rejects(second.done, { code: 'PARTITION_COUNT_CHANGED' })
    await readUntil(log, '', all => all.length === 2)
    await second.stop()
  })

for (const [output, count, goesOn] of [
  ['models', 3, true],
  ['models', 1, false],
  ['recommendations', 2, false],
] as const)
  test(`${count} partitions of ${output} to write: ${goesOn ? 'goes on' : 'stops with a code'}`, async () => {
    const log = await bus()
    await ask(log, 1)
    const first = begin(log, [['requests', 0]], output)
    await first.ready
    while ((await log.ends(output, 0)).latest === 0) await log.read(output, 0, 0, { waitMs: 50 })
    await first.stop()
    const second = begin(counting(log, output, count), [['requests', 0]], output)
    if (!goesOn) return assert.rejects(second.done, { code: 'PARTITION_COUNT_CHANGED' })
    await second.ready
    await second.stop()
  })
