/**
 * Fuzzed records and HTTP bodies at every way in, with valid ones between them: nothing ends, nothing of the valid is lost,
 * and the accounts balance.
 *
 *   node test/security/fuzz.ts COUNT [SEED]     outside of the test runner, whose hooks cost more than what is tested
 */
import assert from 'node:assert/strict'
import { Agent, request as httpRequest } from 'node:http'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { audit } from '../../src/evaluation/audit.ts'
import { runIntake } from '../../src/intake/service.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { topicName } from '../../src/pipeline.ts'
import { openWorld, type World } from '../gateway/world.ts'
import { did, request } from '../operate/live.ts'
import { pick, type Random, randomOf, strangeBytes, strangeFields } from './mutate.ts'

/** HTTP calls at a time. */
const CALLERS = 64
const VALID = 0.1
const SHOP = 'shop.clicks'
const users = Array.from({ length: 40 }, (_, n) => `user-${n}`)
/** What valid events of each way in are called. */
const types = { bus: 'click', shop: 'view', http: 'purchase' } as const

const shopSource = {
  topic: SHOP,
  format: 'json',
  to: 'events',
  fields: {
    event_id: { path: 'id' },
    user_id: { path: 'who.id' },
    type: { path: 'what' },
    item_id: { path: 'lines[0].sku' },
    value: { path: 'price' },
    time_ms: { path: 'at', type: 'iso8601' },
  },
} as const

/** What must be found at the end. */
interface Expected {
  readonly requests: string[]
  readonly events: Map<string, Record<string, number>>
}

export interface FuzzOptions {
  readonly total: number
  readonly seed: number
}
type Cleaning = Pick<TestContext, 'after'>

/** @returns what was sent and answered, for people @throws what does not hold */
export async function fuzz(t: Cleaning, { total, seed }: FuzzOptions): Promise<object> {
  const world = await openWorld(t as TestContext, { sources: [shopSource] })
  const { context } = world
  await context.log.createTopics([{ topic: SHOP, partitions: 2, replicationFactor: 1, config: {} }])
  const intake = await runIntake(context)
  t.after(() => intake.stop())
  const faults: unknown[] = []
  for (const service of [...world.services(), intake, world.gateway]) service.done.catch(error => faults.push(error))
  const inherited = Object.getOwnPropertyNames(Object.prototype).sort()
  const random = randomOf(seed)
  const round = Math.max(1000, Math.min(10_000, total / 10))
  const expected: Expected = { requests: [], events: new Map(users.map(user => [user, {}])) }
  const answers = new Map<string, number>()

  for (let made = 0; made < total; made += round) {
    const calls: (() => Promise<void>)[] = []
    for (let n = made; n < Math.min(total, made + round); n++)
      await sendOne({ world, random, expected, answers, calls }, n)
    await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        for (let call = calls.shift(); call; call = calls.shift()) await call()
      }),
    )
    await world.settled()
    assert.deepEqual(faults, [])
  }
  await until(() => expectedCounts(world, expected))
  await world.settled()
  assert.deepEqual(faults, [])
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype).sort(), inherited)

  const decided = new Set((await world.decisions()).map(decision => decision.decision_id))
  assert.deepEqual(
    expected.requests.filter(id => !decided.has(id)),
    [],
    'valid requests without a decision',
  )
  assert.ok(expected.requests.length > total / 40)
  const { log, wire, config } = context
  const report = await audit({ log, wire, config, prefix: config.topics.prefix })
  assert.ok(report.balanced, JSON.stringify(report.differences.slice(0, 3)))
  const letters = await log.ends(topicName(config.topics.prefix, 'dead-letters'), 0)
  assert.ok(letters.latest > total / 4, `${letters.latest} dead letters`)
  for (const code of ['200', 'RECORD_INVALID', 'RECORD_UNREADABLE', 'HTTP_NOT_FOUND', 'HTTP_MEDIA_TYPE'])
    assert.ok(answers.has(code), `${code}: ${JSON.stringify([...answers])}`)
  return { total, seed, valid: expected.requests.length, letters: letters.latest, answers: Object.fromEntries(answers) }
}

interface Sending {
  readonly world: World
  readonly random: Random
  readonly expected: Expected
  readonly answers: Map<string, number>
  readonly calls: (() => Promise<void>)[]
}

async function sendOne(sending: Sending, n: number): Promise<void> {
  const { world, random, expected, calls } = sending
  const valid = random() < VALID
  const user = valid ? pick(random, users) : `garbage-${n % 1000}`
  const id = `${valid ? 'valid' : 'garbage'}-${n}`
  const way = pick(random, ['requests', 'events', 'shop', 'ask', 'tell'] as const)
  const counted = (type: string): void => {
    const own = expected.events.get(user)!
    own[type] = (own[type] ?? 0) + 1
  }
  if (way === 'requests') {
    if (valid) expected.requests.push(id)
    return toBus(sending, 'requests', user, request(user, { request_id: id }), valid)
  }
  if (way === 'events') {
    if (valid) counted(types.bus)
    return toBus(sending, 'events', user, did(user, types.bus, { event_id: id, item_id: 'a' }), valid)
  }
  if (way === 'shop') {
    if (valid) counted(types.shop)
    const record = {
      id,
      who: { id: user },
      what: types.shop,
      lines: [{ sku: 'a' }],
      price: 3,
      at: new Date().toISOString(),
    }
    const value = Buffer.from(JSON.stringify(valid ? record : strangeFields(random, record)))
    const bytes = valid || random() < 0.5 ? value : strangeBytes(random, value)
    await world.context.log.append(SHOP, n % 2, [{ key: null, value: bytes }])
    return
  }
  const body =
    way === 'ask'
      ? { request_id: id, user_id: user, slots: 1, timeout_ms: 10_000 }
      : { events: [{ event_id: id, user_id: user, type: types.http, time_ms: Date.now(), item_id: 'a' }] }
  if (valid && way === 'ask') expected.requests.push(id)
  if (valid && way === 'tell') counted(types.http)
  const path = way === 'ask' ? '/v1/recommendations' : '/v1/events'
  const sent = valid ? { path, body: Buffer.from(JSON.stringify(body)), json: true } : hostile(random, path, body)
  calls.push(() => call(sending, sent, valid))
}

/** To the partition of the user, but for some of the garbage. */
async function toBus(
  { world, random }: Sending,
  topic: 'requests' | 'events',
  user: string,
  record: object,
  valid: boolean,
): Promise<void> {
  const { log, wire, config } = world.context
  const bytes = wire.encode(topic, record)
  const at = partitionFor(user, config.topics.partitions)
  const name = topicName(config.topics.prefix, topic)
  const key = Buffer.from(user)
  if (valid) return void (await log.append(name, at, [{ key, value: bytes }]))
  const way = random()
  const value = way < 0.02 ? null : way < 0.5 ? strangeBytes(random, bytes) : encodable(world, topic, random, record)
  await log.append(name, way > 0.95 ? 1 - at : at, [{ key: way < 0.1 ? null : key, value }])
}

/** A record whose bytes are right and whose content is not; bytes that are wrong where it has none. */
function encodable({ context: { wire } }: World, topic: 'requests' | 'events', random: Random, record: object): Buffer {
  try {
    return wire.encode(topic, strangeFields(random, record))
  } catch {
    return strangeBytes(random, wire.encode(topic, record))
  }
}

interface Sent {
  readonly path: string
  readonly body: Buffer
  readonly json: boolean
}

function hostile(random: Random, path: string, body: object): Sent {
  const text = Buffer.from(JSON.stringify(random() < 0.7 ? strangeFields(random, body) : body))
  return {
    path: random() < 0.05 ? `${path}/${encodeURIComponent(pick(random, ['__proto__', 'a', '..']))}` : path,
    body: random() < 0.5 ? strangeBytes(random, text) : text,
    json: random() > 0.05,
  }
}

async function call({ world, answers }: Sending, sent: Sent, valid: boolean): Promise<void> {
  const { status, text } = await post(world.url + sent.path, sent)
  const answer = JSON.parse(text) as { code?: string; detail?: string }
  const code = status < 300 ? '200' : answer.code!
  answers.set(code, (answers.get(code) ?? 0) + 1)
  assert.ok(code !== undefined && code !== 'HTTP_FAULT', `${code} for ${sent.body.toString('latin1').slice(0, 500)}`)
  if (valid) assert.equal(code, '200', answer.detail)
}

const agent = new Agent({ keepAlive: true, maxSockets: CALLERS })

/** What `fetch` does in three times the time. A connection that the door has just closed is no answer: once more. */
async function post(url: string, sent: Sent): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const headers = { 'content-type': sent.json ? 'application/json' : 'text/plain', 'content-length': sent.body.length }
  const call = httpRequest(url, { method: 'POST', agent, headers }, response => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', chunk => (text += chunk))
    response.on('end', () => resolve({ status: response.statusCode!, text }))
    response.on('error', reject)
  })
  call.on('error', reject)
  call.end(sent.body)
  return promise.catch(error => {
    if (call.reusedSocket && error.code === 'ECONNRESET') return post(url, sent)
    throw error
  })
}

/** Whether the ranker knows of every valid event, once. */
function expectedCounts(world: World, { events }: Expected): string {
  const ranker = world.services().find(service => service.describe !== undefined)!
  for (const [user, counts] of events)
    for (const [type, count] of Object.entries(counts)) {
      const known = ranker.describe!(user).counts[type] ?? 0
      if (known !== count) return `${user}: ${known} of ${count} ${type}`
    }
  return ''
}

async function until(lacking: () => string): Promise<void> {
  for (const end = Date.now() + 30_000; lacking() !== ''; await sleep(20))
    if (Date.now() > end) throw new Error(`not within 30 s: ${lacking()}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const cleaning: (() => unknown)[] = []
  const [total, seed] = [Number(process.argv[2]), Number(process.argv[3] ?? 1)]
  console.log(JSON.stringify(await fuzz({ after: work => void cleaning.push(work as () => unknown) }, { total, seed })))
  for (const work of cleaning.reverse()) await work()
  process.exit(0)
}
