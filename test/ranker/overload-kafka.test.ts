/**
 * Ten times as many requests as the ranker can decide, on a real Kafka and over HTTP, each to be searched for in the
 * catalogue: every one is answered or shed, with a reason that is counted; none is lost; and nothing grows.
 * FEEDLOOP_OVERLOAD_S says for how long (`npm run test:long`: a minute at each door).
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createRequests } from '../../bench/rank/world.ts'
import { type Door, onTopics, overHttp } from './overload/doors.ts'
import { calm, type Flooded, flood } from './overload/flood.ts'
import { type Processes, startProcesses } from './overload/processes.ts'

const brokers = process.env.KAFKA_BROKERS?.split(',')
if (!brokers) throw new Error('KAFKA_BROKERS is not set: run `npm test`, which starts a Kafka')

const seconds = Number(process.env.FEEDLOOP_OVERLOAD_S ?? 3)
const TIMES = 10
/** Of 64 dimensions: more than is searched in the step (IN_STEP). */
const ITEMS = 40_000
const CALLERS = 48
const CALM_S = 2
const PATIENCE_MS = 8000
/** From the last request to the last answer, on a machine that others use too. */
const DRAIN_MS = 60_000
const MiB = 1 << 20
/** From the second quarter to the last. At the beginning the collector takes its time, so seconds show only what is gross. */
const MOST_GROWTH = (seconds < 30 ? 256 : 64) * MiB

const processes = await startProcesses(brokers, ITEMS, {
  topics: { partitions: 2 },
  shedding: {},
  // Ids are remembered for this long: they must not be taken for a leak.
  limits: { requestDedupMs: 2000 },
})
const { context, heldBytes } = processes

let ids = 0
const makeRequest = (() => {
  const named = createRequests({ items: ITEMS, candidates: 1, seed: 1 })
  return () => ({ ...named(`o${ids++}`, Date.now(), Date.now() + PATIENCE_MS), candidates: null })
})()

/** What is counted of sheds and of calls, at both processes. */
const counters = async ({ counted }: Processes) => ({
  shed: await counted('ranker', 'feedloop_requests_shed_total'),
  calls: await counted('gateway', 'feedloop_gateway_requests_total', /recommendations/),
  refused: await counted('gateway', 'feedloop_gateway_shed_total'),
})

/** What must hold at either door. */
async function overload(
  t: TestContext,
  door: Door,
): Promise<Flooded & { readonly before: Counters; readonly after: Counters }> {
  await calm(door, makeRequest, CALLERS, CALM_S)
  const perSecond = await calm(door, makeRequest, CALLERS, CALM_S)
  const before = await counters(processes)
  const partMs = (1000 * seconds) / 4
  const marks = async (): Promise<readonly (readonly number[])[]> => {
    const all: number[][] = []
    for (let part = 0; part < 4; part++)
      all.push(await Promise.all([heldBytes('ranker', partMs), heldBytes('gateway', partMs)]))
    return all
  }
  const [flooded, held] = await Promise.all([flood(door, makeRequest, TIMES * perSecond, seconds, DRAIN_MS), marks()])
  const after = await counters(processes)
  const { asked, ends, p99Ms, worstMs } = flooded
  const inMiB = held.map(both => both.map(bytes => Math.round(bytes / MiB)).join('+'))
  t.diagnostic(
    `${Math.round(perSecond)}/s in full; ${asked} asked in ${seconds} s: ${JSON.stringify(ends)}, ` +
      `p99 ${Math.round(p99Ms)}, worst ${Math.round(worstMs)} ms; MiB held by ranker+gateway ${inMiB.join(', ')}`,
  )
  assert.equal(
    Object.values(ends).reduce((sum, n) => sum + n, 0),
    asked,
    'each has one end',
  )
  assert.ok(!Object.keys(ends).some(end => end.startsWith('broken')), 'no call is broken')
  assert.ok(ends.full! > 0, 'some are decided in full')
  assert.ok(ends.full! < asked / 2 && ends.shed! > 0, 'most are shed')
  assert.equal(after.shed - before.shed, ends.shed, 'each shed is counted')
  const [, second, , last] = held
  for (const [which, bytes] of last!.entries()) assert.ok(bytes - second![which]! < MOST_GROWTH, inMiB.join())
  return { ...flooded, before, after }
}
type Counters = Awaited<ReturnType<typeof counters>>

/** Nobody waits at the topics: what is decided late is decided all the same. */
const patient = (door: Door): Door => ({
  ...door,
  ask: (request, told) => door.ask({ ...request, deadline_ms: null }, told),
})

test(`ten times too much on Kafka for ${seconds} s`, { timeout: 120_000 + 3000 * seconds }, async t => {
  const door = await onTopics(context)
  t.after(() => door.close())
  const { ends } = await overload(t, patient(door))
  assert.deepEqual(Object.keys(ends).sort(), ['full', 'shed'])
  assert.equal(door.stray, 0, 'nothing is decided twice')
})

test(`ten times too much over HTTP for ${seconds} s`, { timeout: 120_000 + 3000 * seconds }, async t => {
  const door = overHttp(processes.gatewayPort)
  t.after(() => door.close())
  const { asked, ends, before, after } = await overload(t, door)
  assert.equal(after.calls - before.calls, asked, 'each call is counted')
  const refused = Object.entries(ends).filter(([end]) => end.startsWith('503'))
  assert.equal(
    after.refused - before.refused,
    refused.reduce((sum, [, n]) => sum + n, 0),
    'each refusal is counted',
  )
})
