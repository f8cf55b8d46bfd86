/**
 * Ten times as many requests as the ranker can decide, on the embedded log and by the real clock: each is answered or
 * shed, with a reason, soon; and nothing grows. FEEDLOOP_OVERLOAD_S says for how long (`npm run test:long`: a minute).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Recommendation } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { follow } from '../../src/operate/broadcast.ts'
import { topicName } from '../../src/pipeline.ts'
import { runRanker } from '../../src/ranker/service.ts'
import { openBus } from '../models/bus.ts'
import { request } from '../operate/live.ts'
import { catalogueRecords } from './fixtures.ts'

const seconds = Number(process.env.FEEDLOOP_OVERLOAD_S ?? 3)
const TIMES = 10
const MEASURED = 400
const MiB = 1 << 20
/** A hundred of 1,000 candidates a step. */
const shedding = { fromRequests: 10, perStep: 1000, fromMs: 100, toMs: 300, leastPass: 0.01 }
const config = parseConfig({
  shedding,
  topics: { partitions: 1 },
  step: { intervalMs: 5 },
  // Ids are remembered for this long: they must not be taken for a leak.
  limits: { requestDedupMs: 1000 },
  features: { dimensions: 16 },
})

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
/** Held by the process once all that can go is gone, bytes. */
function held(): number {
  gc()
  gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

type Seen = Pick<
  Recommendation,
  'decision_id' | 'shed' | 'pass_probability' | 'reason' | 'slots' | 'request_time_ms' | 'decision_time_ms'
>
const fields = [
  'decision_id',
  'shed',
  'pass_probability',
  'reason',
  'slots',
  'request_time_ms',
  'decision_time_ms',
] as const

test(`ten times too much for ${seconds} s`, { timeout: 60_000 + 10_000 * seconds }, async t => {
  const log = openEmbeddedLog()
  const context = await openBus(config, log)
  const topic = (name: 'requests' | 'features' | 'recommendations') => topicName(config.topics.prefix, name)
  const records = catalogueRecords(1000, 16).map(value => ({
    key: Buffer.from(value.feature_key),
    value: context.wire.encode('features', value),
  }))
  await log.append(topic('features'), 0, records)

  const seen = { decided: 0, shed: 0, answered: 0, twice: 0, other: 0, worstMs: 0, passes: new Set<number>() }
  let open = new Set<string>()
  const take = (made: Seen, offset: number): void => {
    if (!open.delete(made.decision_id)) seen.twice++
    seen.decided++
    if (made.shed && made.reason === 'shed') seen.shed++
    else if (!made.shed && made.slots.length === 1) seen.answered++
    else seen.other++
    if (made.pass_probability < 1) seen.passes.add(made.pass_probability)
    seen.worstMs = Math.max(seen.worstMs, made.decision_time_ms - made.request_time_ms)
    log.truncateFront(topic('recommendations'), 0, Math.max(0, offset - 5000))
  }
  const narrow = context.wire.narrowed!({ recommendations: fields }, [])
  const follower = follow<Seen>({ ...context, wire: narrow }, 'recommendations', (made, { offset }) =>
    take(made, offset),
  )
  const ranker = await runRanker(context)
  t.after(async () => {
    for (const each of [ranker, follower]) await each.stop()
    await log.close()
  })
  while (ranker.waitingFor() !== '') await sleep(5)

  let asked = 0
  const ask = async (count: number): Promise<void> => {
    const wishes = Array.from({ length: count }, () => request(`u${asked++ % 500}`, { time_ms: Date.now() }))
    for (const { request_id } of wishes) open.add(request_id)
    await log.append(
      topic('requests'),
      0,
      wishes.map(wish => ({
        key: Buffer.from(wish.user_id),
        value: context.wire.encode('requests', wish),
        timestampMs: wish.time_ms,
      })),
    )
  }
  const drained = async (withinMs: number): Promise<number> => {
    const began = performance.now()
    while (open.size > 0) {
      assert.ok(performance.now() - began < withinMs, `${open.size} of ${asked} requests have no answer`)
      await sleep(2)
    }
    return performance.now() - began
  }
  // Calm: as fast as it goes in full, a few at a time so that none waits.
  const began = performance.now()
  for (let i = 0; i < MEASURED; i += 20) {
    await ask(20)
    await drained(30_000)
  }
  assert.deepEqual([seen.shed, seen.answered], [0, MEASURED])
  const perSecond = (MEASURED / (performance.now() - began)) * 1000

  const rate = TIMES * perSecond
  const start = performance.now()
  let sent = 0
  const marks: number[] = []
  for (let at = 0; at < 1000 * seconds; at = performance.now() - start) {
    const due = Math.floor((rate * at) / 1000) - sent
    // Of a producer that was kept waiting: it sends what it has, in pieces.
    for (let left = due; left > 0; left -= 500) await ask(Math.min(left, 500))
    sent += Math.max(0, due)
    if (at > ((marks.length + 1) * (1000 * seconds)) / 4) {
      const { latest } = await log.ends(topic('requests'), 0)
      log.truncateFront(topic('requests'), 0, Math.max(0, latest - open.size - 5000))
      marks.push(held())
    }
    await sleep(2)
  }
  const restMs = await drained(30_000)
  t.diagnostic(
    `${Math.round(perSecond)}/s in full; ${sent} sent at ${Math.round(rate)}/s: ${seen.answered - MEASURED} answered, ${seen.shed} shed, worst wait ${seen.worstMs} ms, drained ${Math.round(restMs)} ms later; ` +
      `MiB held ${marks.map(bytes => Math.round(bytes / MiB)).join(', ')}`,
  )
  assert.equal(seen.decided, asked, 'every request has its decision')
  assert.deepEqual([seen.twice, seen.other], [0, 0])
  assert.ok(seen.shed > sent / 2, `${seen.shed} of ${sent} shed`)
  assert.ok(seen.answered > MEASURED, 'some are decided in full')
  assert.ok(seen.worstMs < 5000, `one waited for ${seen.worstMs} ms`)
  assert.ok([...seen.passes].every(p => p >= shedding.leastPass))
  assert.ok(marks.at(-1)! - marks[0]! < 48 * MiB, `MiB held: ${marks.map(bytes => bytes / MiB)}`)
  open = new Set()
})
