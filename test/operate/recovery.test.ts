/** What an operator sees of a joiner that is rebuilt from its topics: not ready, how far it is, then ready. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import type { Log } from '../../src/log/log.ts'
import { createMeter } from '../../src/metrics.ts'
import { openOperatorDoor } from '../../src/operate/http.ts'
import { startServices, stopServices } from '../../src/operate/run.ts'
import { openLive, publishItems, request } from './live.ts'

const BATCHES = 6
/** A batch of it may take so long that progress is said after each. */
const BATCH_MS = 6000

test('while it recovers it is not ready and shows its progress', { timeout: 60_000 }, async t => {
  const loop = await openLive(t, { topics: { partitions: 1 }, http: { host: '127.0.0.1', port: 0 } })
  await publishItems(loop, ['a'])
  await loop.start()
  for (let n = 0; n < BATCHES; n++) {
    await loop.append('requests', 'anna', request('anna'))
    await loop.settled()
  }
  await loop.stop()

  const { log, config } = loop.context
  const chain = `${config.topics.prefix}transitions`
  const halfway = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  t.after(() => goOn.resolve())
  let skewMs = 0
  let batches = 0
  /** Gives one batch at a time, and waits after the third. */
  const read: Log['read'] = async (topic, partition, offset, options) => {
    if (topic !== chain) return log.read(topic, partition, offset, options)
    if (batches++ === 3) {
      halfway.resolve()
      await goOn.promise
    }
    skewMs += BATCH_MS
    return log.read(topic, partition, offset, { ...options, maxBytes: 1 })
  }
  const lines: { msg: string; percent?: number; secondsLeft?: number }[] = []
  const context = {
    ...loop.context,
    log: new Proxy(log, { get: (target, name) => (name === 'read' ? read : Reflect.get(target, name)) }),
    meter: createMeter(),
    logger: pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) }),
    now: () => Date.now() + skewMs,
  }
  const running = await startServices(context, ['joiner'])
  t.after(() => stopServices(running))
  const door = await openOperatorDoor(context, () => running)
  t.after(() => door.close())
  const get = (path: string) => fetch(`http://127.0.0.1:${door.port}${path}`)
  const progress = async (): Promise<number> => {
    const [, value] = /^feedloop_recovery_progress\{.*\} (.*)$/m.exec(await (await get('/metrics')).text()) ?? []
    return Number(value)
  }

  await halfway.promise
  const waits = await get('/readyz')
  assert.equal(waits.status, 503)
  assert.match(await waits.text(), /"joiner":"[^"]*start of partitions 0"/)
  const before = await progress()
  assert.ok(before > 0 && before < 1, `${before}`)
  const said = lines.filter(({ msg }) => msg === 'recovering')
  assert.equal(said.at(-1)?.percent, Math.round(100 * before))
  assert.ok(said.at(-1)!.secondsLeft! > 0)

  goOn.resolve()
  while ((await get('/readyz')).status !== 200) await sleep(10)
  assert.equal(await progress(), 1)
  assert.equal(lines.filter(({ msg }) => msg === 'recovered').length, 1)
})
