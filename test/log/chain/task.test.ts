import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { startTask } from '../../../src/log/chain/task.ts'
import { openEmbeddedLog } from '../../../src/log/embedded/embedded.ts'
import type { Wire } from '../../../src/log/wire/wire.ts'
import { createMeter } from '../../../src/metrics.ts'
import type { Stage } from '../../../src/stage.ts'
import { asState, memoryTable } from '../../../src/state/table.ts'

const wire: Wire = {
  encode: (_, value) => Buffer.from(JSON.stringify(value)),
  decode: (_, bytes) => JSON.parse(bytes.toString()),
  learn: async () => false,
}

const summing: Stage<any> = {
  name: 'joiner',
  open: () => asState({ sums: memoryTable<number>() }),
  step(state, inputs) {
    const outputs = []
    for (const input of inputs) {
      state.sums.set('all', (state.sums.get('all') ?? 0) + (input.value as any).n)
      if (input.topic === 'requests') outputs.push({ key: input.key, value: { sum: state.sums.get('all') } })
    }
    return { outputs, refusals: [], counts: [] }
  },
  fold(state, inputs, outputs, tick) {
    summing.step(state, inputs, tick, undefined)
  },
}

test('a task sums what comes and goes on after a restart', async () => {
  const log = await openEmbeddedLog()
  await log.createTopics(
    ['requests', 'events', 'recommendations', 'dead-letters'].map(topic => ({
      topic: `t.${topic}`,
      partitions: 1,
      replicationFactor: 1,
      config: {},
    })),
  )
  const start = () =>
    startTask({
      log,
      wire,
      meter: createMeter(),
      logger: pino({ level: 'silent' }),
      stage: summing,
      prefix: 't.',
      now: Date.now,
      view: () => undefined,
      inputs: [
        { topic: 'events', partition: 0 },
        { topic: 'requests', partition: 0 },
      ],
      output: { topic: 'recommendations', partition: 0 },
      step: { intervalMs: 5, maxRecords: 100, maxBytes: 1 << 20, progressMs: 50, idleMs: 100 },
    })
  let expected = 0
  for (let round = 0; round < 3; round++) {
    const task = start()
    await task.ready
    for (let i = 0; i < 10; i++) {
      await log.append('t.events', 0, [{ key: null, value: Buffer.from(JSON.stringify({ n: 1 })) }])
      await log.append('t.requests', 0, [{ key: Buffer.from('u'), value: Buffer.from(JSON.stringify({ n: 100 })) }])
      expected += 101
    }
    const t0 = Date.now()
    for (;;) {
      const all = await log.read('t.recommendations', 0, 0)
      const outs = all.filter(r => r.value !== null)
      if (outs.length === (round + 1) * 10) {
        assert.equal(JSON.parse(outs.at(-1)!.value!.toString()).sum <= expected, true)
        break
      }
      assert.ok(Date.now() - t0 < 3000, `only ${outs.length}`)
      await new Promise(r => setTimeout(r, 10))
    }
    await task.stop()
  }
  await log.close()
})
