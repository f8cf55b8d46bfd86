/** What no ranker decides: what it refuses is told at once, with its code; where none runs callers are told that. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FeedloopError } from '../../src/errors.ts'
import { ABSENT_MS } from '../../src/gateway/heard.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { batchBytesAtMost } from '../../src/log/size.ts'
import { openWorld, post, until, urlOf, type World, wish } from './world.ts'

const RECOMMEND = '/v1/recommendations'
const LEAST_BYTES = 20_000

/** As a broker whose `max.message.bytes` is small refuses decisions. */
const tight = (log: Log): Log => ({
  ...log,
  async append(topic, partition, records) {
    if (topic.endsWith('recommendations') && batchBytesAtMost(records) > LEAST_BYTES)
      throw new FeedloopError('BATCH_TOO_LARGE', `${topic}: more than ${LEAST_BYTES} bytes`)
    return log.append(topic, partition, records)
  },
})

const shed = async ({ context }: World): Promise<string> =>
  context.meter.registry.getSingleMetricAsString('feedloop_gateway_shed_total')

test('of which the decision is too large: 422 before its patience ends, and again by the same id; others are answered', async t => {
  const world = await openWorld(t, {}, tight(openEmbeddedLog()))
  const context = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`note ${n}`, 'x'.repeat(LEAST_BYTES / 40)]))
  const large = wish({ context })
  for (const _ of ['first', 'again']) {
    const began = performance.now()
    const { status, body, headers } = await world.post(RECOMMEND, large)
    assert.deepEqual([status, body.code, headers.get('retry-after')], [422, 'OUTPUT_TOO_LARGE', null])
    assert.ok(performance.now() - began < large.timeout_ms! / 2, 'not after its whole patience')
  }
  assert.equal((await world.post(RECOMMEND, wish())).status, 200)
  assert.equal((await world.post(RECOMMEND, { ...large, context: {} })).status, 200, 'less, by the same id')
})

test('what the ranker does not allow is told with its code, though the gateway would', async t => {
  const world = await openWorld(t)
  const generous = await world.another(context => {
    const { config } = context
    return { ...context, config: { ...config, limits: { ...config.limits, maxSlots: 100 } } }
  })
  const { status, body } = await post(urlOf(generous) + RECOMMEND, wish({ slots: 60 }))
  assert.deepEqual([status, body.code], [400, 'RECORD_INVALID'])
  assert.match(body.detail, /^slots: 60/)
})

test('a refusal is of one append: who asks otherwise by the same id is not meant', async t => {
  const world = await openWorld(t)
  const generous = await world.another(context => {
    const { config } = context
    return { ...context, config: { ...config, limits: { ...config.limits, maxSlots: 100 } } }
  })
  for (let n = 0; n < 5; n++) {
    const mine = wish()
    const [refused, answered] = await Promise.all([
      post(urlOf(generous) + RECOMMEND, { ...mine, slots: 60 }),
      world.post(RECOMMEND, mine),
    ])
    // Where the answer came first, the other has other content.
    assert.ok([400, 409].includes(refused.status))
    assert.equal(answered.status, 200)
  }
})

test('without a ranker: 504 that says so, then 503 at once, but for one call a while; answers again when one is back', {
  timeout: 60_000,
}, async t => {
  const world = await openWorld(t, { topics: { partitions: 1 } })
  const made = wish()
  assert.equal((await world.post(RECOMMEND, made)).status, 200)
  await world.stop()
  const late = await world.post(RECOMMEND, wish({ timeout_ms: 200 }))
  assert.deepEqual([late.status, late.body.code], [504, 'DEADLINE_EXCEEDED'])
  assert.match(late.body.detail, /recommendations\/0 .* is a ranker running\?/)
  await sleep(ABSENT_MS)
  const patient = wish({ timeout_ms: 9000 })
  const trial = world.post(RECOMMEND, patient)
  await sleep(50)
  const began = performance.now()
  const { status, body, headers } = await world.post(RECOMMEND, wish({ timeout_ms: 9000 }))
  assert.deepEqual([status, body.code, headers.get('retry-after')], [503, 'RANKER_ABSENT', '1'])
  assert.ok(performance.now() - began < ABSENT_MS, 'at once')
  assert.match(await shed(world), /reason="ranker"\} 1/)
  assert.equal((await world.post(RECOMMEND, made)).status, 200, 'what was decided is known all the same')
  await world.start()
  assert.equal((await trial).status, 200, 'the one that was let in')
  await until(async () => (await world.post(RECOMMEND, wish())).status === 200, 'answers again')
})
