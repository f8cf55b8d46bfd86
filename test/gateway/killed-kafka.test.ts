/**
 * A gateway is killed (-9) at each point on the way of a call. Up to the answer nothing is lost: the same id, at another
 * gateway, gets the one decision. Between answer and activation a decision that was seen is not learned, and nothing of
 * what came of it; whatever happens no decision is learned that nobody got.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { audit } from '../../src/evaluation/audit.ts'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import { did } from '../operate/live.ts'
import { transitionsOf } from './contract.ts'
import { type Point, points } from './kill-points.ts'
import { activations, openWorld, post, type Reply, until, type World, wish } from './world.ts'

const brokers = process.env.KAFKA_BROKERS?.split(',')
if (!brokers) throw new Error('KAFKA_BROKERS is not set: run `npm test`, which starts a Kafka')
const log = await openKafkaLog({ brokers, clientId: 'killed', logger: pino({ level: 'silent' }) })
after(() => log.close())

const RECOMMEND = '/v1/recommendations'
const CHILD = fileURLToPath(new URL('kill-child.ts', import.meta.url))

/** @returns what a caller of that gateway gets, once it is dead; null: a broken connection */
async function askTheKilled(t: TestContext, { context }: World, point: Point, body: object): Promise<Reply | null> {
  const { topics, step, gateway } = context.config
  const config = JSON.stringify({ kafka: { brokers }, topics, step, gateway })
  const child = spawn(process.execPath, [CHILD, point, config], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const [port] = await once(child.stdout, 'data')
  const reply = await post(`http://127.0.0.1:${String(port).trim()}${RECOMMEND}`, body).catch(() => null)
  assert.deepEqual((await ended)[1], 'SIGKILL')
  return reply
}

const clicksLearned = async (world: World): Promise<number | null> => {
  await world.settled()
  const slots = (await transitionsOf(world)).filter(({ slot }) => slot >= 0)
  return slots.length === 0 ? null : Math.max(...slots.map(({ cumulative }) => cumulative.click ?? 0))
}

for (const point of points)
  test(`killed when ${point}`, { timeout: 120_000 }, async t => {
    const world = await openWorld(t, {}, log)
    const mine = wish({ slots: 1 })
    const first = await askTheKilled(t, world, point, mine)
    const isGiven = point === 'delivered' || point === 'activated'
    assert.equal(first?.status, isGiven ? 200 : undefined)
    if (!isGiven) assert.equal(await clicksLearned(world), null, 'what nobody got is not learned')
    const again = async (): Promise<Reply> => {
      const reply = await world.post(RECOMMEND, mine)
      await until(async () => (await activations(world.context, mine.request_id)).length > 0, 'the activation')
      return reply
    }
    const { body } = first ?? (await again())
    const click = did('ann', 'click', { decision_id: mine.request_id, item_id: body.items[0], slot: 0 })
    assert.equal((await world.post('/v1/events', { events: [click] })).status, 200)
    const learned = await clicksLearned(world)
    if (point === 'delivered') {
      assert.equal(learned, null, 'neither the decision nor its click')
      assert.deepEqual((await again()).body, body)
      assert.equal(await clicksLearned(world), 1, 'delivered once more, it counts with all that came of it')
    } else assert.equal(learned, 1)
    assert.equal((await world.decisions()).length, 1)
    const { config, wire } = world.context
    const { balanced, differences } = await audit({ log, wire, config, prefix: config.topics.prefix })
    assert.deepEqual([balanced, differences], [true, []])
  })
