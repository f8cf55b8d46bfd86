import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { LogRecord } from '../../src/log/log.ts'
import { createMeter } from '../../src/metrics.ts'
import { watchLag } from '../../src/operate/lag.ts'

const topic = 'shop.clicks'

/** A worker that is moved by hand, on a clock that is. */
async function open() {
  const log = openEmbeddedLog({ now: () => clock.ms })
  const clock = { ms: 1000 }
  await log.createTopics([{ topic, partitions: 1, replicationFactor: 1, config: {} }])
  const meter = createMeter()
  const worker = { next: 0, oldest: undefined as LogRecord | undefined }
  const abort = new AbortController()
  const of = { stage: 'intake', topic, partition: 0, name: topic, everyMs: 5 }
  watchLag(
    { log, meter, now: () => clock.ms },
    { ...of, oldest: () => worker.oldest, next: () => worker.next, signal: abort.signal },
  )
  const shown = async (): Promise<string> =>
    [...(await meter.registry.metrics()).matchAll(/^feedloop_lag_(records|seconds)\{.*\} (\S+)$/gm)]
      .map(([, name, value]) => `${value} ${name}`)
      .join(', ')
  const shows = async (what: string): Promise<void> => {
    for (const end = Date.now() + 5000; (await shown()) !== what; await sleep(2))
      assert.ok(Date.now() < end, `${await shown()}, not ${what}`)
  }
  const write = async (): Promise<number> => log.append(topic, 0, [{ key: null, value: Buffer.from('{}') }])
  return { clock, log, worker, abort, write, shows }
}

test('what was read and is not done waits since it was written, however long the worker hangs', async t => {
  const { clock, log, worker, abort, write, shows } = await open()
  t.after(() => abort.abort())
  await shows('0 records, 0 seconds')
  await write()
  await write()
  ;[worker.oldest] = await log.read(topic, 0, 0)
  worker.next = 2
  clock.ms += 7000
  await shows('2 records, 7 seconds')
  worker.oldest = undefined
  await shows('0 records, 0 seconds')
})

test('what was not read waits since the end was last seen to be reached', async t => {
  const { clock, worker, abort, write, shows } = await open()
  t.after(() => abort.abort())
  await shows('0 records, 0 seconds')
  clock.ms += 5000
  await sleep(20)
  await write()
  clock.ms += 3000
  await shows('1 records, 3 seconds')
  worker.next = 1
  await shows('0 records, 0 seconds')
})

test('where something always comes, what was not read waits since an end was seen that is reached by now', async t => {
  const { clock, worker, abort, write, shows } = await open()
  t.after(() => abort.abort())
  await shows('0 records, 0 seconds')
  await write()
  await shows('1 records, 0 seconds')
  for (const seconds of [7, 14, 14, 14]) {
    clock.ms += 7000
    await shows(`1 records, ${seconds} seconds`)
    // the next one is there before it is done with this one
    await write()
    await shows(`2 records, ${seconds} seconds`)
    worker.next += 1
    await shows('1 records, 7 seconds')
  }
})

test('a worker that is stopped has no lag', async () => {
  const { abort, shows } = await open()
  await shows('0 records, 0 seconds')
  abort.abort()
  await shows('')
})
