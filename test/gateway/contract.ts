/** What the door promises, the same on every log. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { Request, Transition } from '../../schemas/records.ts'
import { readChain } from '../../src/evaluation/audit/read.ts'
import { audit } from '../../src/evaluation/audit.ts'
import type { Log } from '../../src/log/log.ts'
import { did } from '../operate/live.ts'
import { activations, openWorld, post, recordsOf, until, urlOf, type World, wish } from './world.ts'

const RECOMMEND = '/v1/recommendations'

export function doorContract(openLog: () => Log | undefined): void {
  test('asks, answers with the accepted decision, activates it, and what came of it is learned', async t => {
    const world = await openWorld(t, {}, openLog())
    const mine = wish({ context: { hour: 7, device: 'phone' }, candidates: ['a', 'b', 'c'] })
    const { status, body } = await world.post(RECOMMEND, mine)
    assert.equal(status, 200)
    assert.equal(body.logged, true)
    assert.equal(body.decision_id, mine.request_id)
    assert.equal(new Set(body.items).size, 2)
    assert.ok(body.items.every((item: string) => mine.candidates!.includes(item)))
    await world.settled()
    const [decision] = await world.decisions()
    assert.equal(decision.deferred, true)
    for (const field of ['slate_hash', 'policy', 'model_version', 'reason', 'slots'] as const)
      assert.deepEqual(body[field], JSON.parse(JSON.stringify(decision[field])), field)
    await until(async () => (await activations(world.context, mine.request_id)).length === 1, 'activation')
    const click = did('ann', 'click', { decision_id: body.decision_id, item_id: body.items[0], slot: 0 })
    assert.deepEqual((await world.post('/v1/events', { events: [click] })).body, { appended: 1 })
    await until(async () => (await rewardsOf(world)) === 1, 'a transition with the reward')
    await world.settled()
    const { config, log, wire } = world.context
    const { balanced, differences } = await audit({ log, wire, config, prefix: config.topics.prefix })
    assert.deepEqual([balanced, differences], [true, []])
  })

  test('a repetition gets the same decision: under way, answered, at a gateway that starts later', async t => {
    const world = await openWorld(t, {}, openLog())
    const mine = wish()
    const [one, two] = await Promise.all([world.post(RECOMMEND, mine), world.post(RECOMMEND, mine)])
    const three = await world.post(RECOMMEND, { ...mine, timeout_ms: 5000 })
    const four = await post(urlOf(await world.another()) + RECOMMEND, mine)
    for (const each of [two, three, four]) assert.deepEqual([each.status, each.body], [200, one.body])
    assert.equal((await world.decisions()).length, 1)
  })

  test('two gateways asked at once decide once; of two contents one is told so', async t => {
    const world = await openWorld(t, {}, openLog())
    // A clock of its own: what tells two appends of one id apart is their time.
    const ahead = await world.another(context => ({ ...context, now: () => context.now() + 2 }))
    const other = urlOf(ahead) + RECOMMEND
    for (let n = 0; n < 20; n++) {
      const mine = wish()
      const [one, two] = await Promise.all([world.post(RECOMMEND, mine), post(other, mine)])
      assert.deepEqual([one.status, two.status, one.body], [200, 200, two.body])
      const next = wish()
      const answers = await Promise.all([world.post(RECOMMEND, next), post(other, { ...next, slots: 1 })])
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409])
    }
    assert.equal((await world.decisions()).length, 40)
  })

  test('an id with other content is refused, whoever asks', async t => {
    const world = await openWorld(t, {}, openLog())
    const mine = wish({ context: { x: 1, y: 2 } })
    assert.equal((await world.post(RECOMMEND, mine)).status, 200)
    assert.equal((await world.post(RECOMMEND, { ...mine, context: { y: 2, x: 1 } })).status, 200)
    const others = [
      { slots: 3 },
      { user_id: 'bob' },
      { context: { x: 1 } },
      { candidates: ['a', 'b'] },
      { baseline: ['a'] },
      { excluded: ['a'] },
      { pinned: [{ position: 0, item_id: 'a' }] },
    ]
    for (const other of others) {
      const { status, body } = await world.post(RECOMMEND, { ...mine, ...other })
      assert.deepEqual([status, body.code], [409, 'RECORD_CONTRADICTS'], JSON.stringify(other))
    }
  })

  test('hundreds ask at once, each gets its own', async t => {
    const world = await openWorld(t, {}, openLog())
    const wishes = Array.from({ length: 400 }, (_, n) => wish({ user_id: `u${n % 97}`, slots: 1 }))
    const answers = await Promise.all(wishes.map(each => world.post(RECOMMEND, each)))
    for (const [index, { status, body }] of answers.entries())
      assert.deepEqual([status, body.decision_id, body.user_id], [200, wishes[index].request_id, wishes[index].user_id])
    assert.equal((await world.decisions()).length, wishes.length)
  })

  test('it stops in order: who waits is answered, who comes is not let in', async t => {
    const world = await openWorld(t, {}, openLog())
    const wishes = Array.from({ length: 50 }, (_, n) => wish({ user_id: `u${n}` }))
    const answers = Promise.all(wishes.map(each => world.post(RECOMMEND, each)))
    await until(async () => (await recordsOf<Request>(world.context, 'requests')).length === 50, 'all are in')
    // Nor does a connection on which nobody asks anything hold it up.
    const silent = connect(world.gateway.port, '127.0.0.1').on('error', () => {})
    await once(silent, 'connect')
    const stopped = world.gateway.stop()
    assert.equal(world.gateway.waitingFor(), 'its end', 'not ready any more, for whoever balances load')
    await stopped
    assert.ok((await answers).every(({ status }) => status === 200))
    for (const { request_id: id } of wishes) assert.equal((await activations(world.context, id)).length, 1, id)
    await assert.rejects(fetch(`${world.url}/openapi.json`))
  })
}

export async function transitionsOf({ context }: World): Promise<Transition[]> {
  const { log, wire, config } = context
  const { prefix, partitions } = config.topics
  const all: Transition[] = []
  for (let p = 0; p < partitions; p++)
    await readChain({ log, wire, config, prefix }, 'transitions', p, record => {
      all.push(wire.decode('transitions', record.value!) as Transition)
    })
  return all
}

const rewardsOf = async (world: World): Promise<number> =>
  (await transitionsOf(world)).filter(({ slot, cumulative }) => slot >= 0 && cumulative.click === 1).length
