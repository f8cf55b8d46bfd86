/** How much the learner takes at once, and holds ahead. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { stepOf } from '../../src/learner/service.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { createTopics, put, readUntil, start } from '../log/chain/tasks.ts'

const config = parseConfig({
  policies: [
    {},
    { name: 'towers', algorithm: 'two-tower', explorer: { name: 'softmax' }, twoTower: { batchSize: 32 } },
  ],
})

test('what is read ahead of all partitions together does not grow with them', () => {
  for (const partitions of [1, 4, 32, 256])
    for (const policy of [0, 1]) {
      const { maxBytes, readBytes } = stepOf(config, policy, partitions)
      assert.ok(partitions * readBytes <= 16 << 20, `${partitions} partitions: ${readBytes} bytes each`)
      assert.ok(partitions * readBytes >= maxBytes, 'a step finds what it can take')
    }
})

test('who learns by gradients takes a few batches a step, who adds takes what came in an interval', () => {
  const [sums, gradients] = [0, 1].map(policy => stepOf(config, policy, 1))
  assert.deepEqual([sums!.maxRecords, sums!.maxBytes], [50_000, 16 << 20])
  assert.deepEqual([gradients!.maxRecords, gradients!.maxBytes], [128, 1 << 20])
  assert.deepEqual([sums!.intervalMs, gradients!.intervalMs], [1000, 250])
})

test('a task reads its inputs in the pieces that the step names', async t => {
  const log = openEmbeddedLog()
  await createTopics(log, '')
  await put(log, 'requests', { n: 1 })
  const asked = new Set<number | undefined>()
  const spied: Log = {
    ...log,
    read(topic, partition, offset, options) {
      if (topic === 'requests') asked.add(options?.maxBytes)
      return log.read(topic, partition, offset, options)
    },
  }
  const step = { intervalMs: 2, maxRecords: 50, maxBytes: 1 << 20, readBytes: 12_345, progressMs: 30, idleMs: 100 }
  const task = start(spied, '', { step })
  t.after(() => task.stop())
  await readUntil(log, '', all => all.length > 0)
  assert.deepEqual([...asked], [12_345])
})
