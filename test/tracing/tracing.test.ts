/** Traces as a collector gets them: one linked way from a call to the version that learned of it; and nothing when it is off. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { parseConfig } from '../../src/config.ts'
import { topicName } from '../../src/pipeline.ts'
import { createExport, parseTraceparent } from '../../src/tracing/spans.ts'
import { createTracer } from '../../src/tracing/tracer.ts'
import { openWorld, post, until, type World, wish } from '../gateway/world.ts'

/** A span as OTLP has it. */
interface Received {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
}

/** A collector that keeps what it gets; `status` is what it answers, to the first `refused` calls 400. */
async function collectorOf(t: TestContext) {
  const spans: Received[] = []
  const services = new Set<string>()
  const collector = { url: '', spans, services, status: 200, calls: 0, refused: 0 }
  const server = createServer(async (request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const status = ++collector.calls > collector.refused ? collector.status : 400
    if (status === 200)
      for (const { resource, scopeSpans } of JSON.parse(Buffer.concat(chunks).toString()).resourceSpans) {
        services.add(resource.attributes[0].value.stringValue)
        for (const each of scopeSpans) spans.push(...each.spans)
      }
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`
  return collector
}

const [callTrace, tellTrace] = ['a', 'b'].map(digit => digit.repeat(32))
const header = (traceId: string, flags = '01') => ({ traceparent: `00-${traceId}-${'c'.repeat(16)}-${flags}` })

/** A decision that is asked for, shown and clicked. */
async function askAndTell(world: World, headers: { ask?: Record<string, string>; tell?: Record<string, string> }) {
  const { body } = await post(`${world.url}/v1/recommendations`, wish({ slots: 1 }), headers.ask)
  const click = {
    event_id: `click-${body.decision_id}`,
    user_id: 'ann',
    type: 'click',
    decision_id: body.decision_id,
    item_id: body.items[0],
    time_ms: Date.now(),
  }
  assert.equal((await post(`${world.url}/v1/events`, { events: [click] }, headers.tell)).status, 200)
  return body
}

test('one linked trace, from the call over decision and join to the version and its release', {
  timeout: 60_000,
}, async t => {
  const collector = await collectorOf(t)
  const world = await openWorld(t, { tracing: { endpoint: collector.url, ratio: 0 } })
  await askAndTell(world, { ask: header(callTrace), tell: header(tellTrace) })
  const named = (name: string) => collector.spans.filter(each => each.name === name)
  const joinOfClick = () => named('join').find(({ links }) => links.some(({ traceId }) => traceId === tellTrace))
  await until(() => named('release').length > 0 && joinOfClick() !== undefined, 'spans of the join and the release')

  const [call] = named('POST /v1/recommendations')
  assert.deepEqual([call.traceId, call.parentSpanId, call.kind], [callTrace, 'c'.repeat(16), 2])
  const [request] = named('append requests')
  assert.deepEqual([request.traceId, request.parentSpanId], [callTrace, call.spanId])
  const [decision] = named('decide')
  assert.deepEqual([decision.traceId, decision.parentSpanId], [callTrace, request.spanId])
  const told = named('append events').find(({ traceId }) => traceId === tellTrace)!
  assert.equal(told.parentSpanId, named('POST /v1/events')[0].spanId)
  const shown = named('append events').find(({ traceId }) => traceId === callTrace)!
  assert.equal(shown.parentSpanId, decision.spanId, 'the activation follows the decision that was delivered')

  const join = joinOfClick()!
  assert.deepEqual([join.traceId, join.parentSpanId], [callTrace, decision.spanId])
  const linked = join.links.map(({ spanId }) => spanId)
  assert.ok(linked.includes(decision.spanId) && linked.includes(told.spanId), JSON.stringify(join))
  const joins = new Set(named('join').map(({ spanId }) => spanId))
  const version = named('version').find(({ links }) => links.some(({ spanId }) => joins.has(spanId)))!
  assert.ok(version.attributes.some(({ key }) => key === 'feedloop.model_version'))
  const release = named('release')[0]
  assert.ok(
    named('version').some(({ traceId, spanId }) => traceId === release.traceId && spanId === release.parentSpanId),
  )
  for (const each of collector.spans) {
    assert.match(each.traceId + each.spanId, /^[0-9a-f]{48}$/)
    assert.ok(BigInt(each.endTimeUnixNano) >= BigInt(each.startTimeUnixNano))
  }
  assert.equal(new Set(collector.spans.map(({ spanId }) => spanId)).size, collector.spans.length)
  assert.deepEqual([...collector.services], ['feedloop'])
})

/** Traces that are exemplars, by metric and, of freshness, how far it is measured. */
async function exemplarsOf({ context: { meter } }: World): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const line = /^(feedloop_\w+)_bucket\{(.*)\} \d+ # \{trace_id="([0-9a-f]{32})"\} [\d.e-]+ [\d.]+$/gm
  const found = [...(await meter.registry.metrics()).matchAll(line)].map(([, name, labels, traceId]) => {
    const until = /until="(\w+)"/.exec(labels!)?.[1]
    return [until === undefined ? name! : `${name} ${until}`, traceId!] as const
  })
  const byName = Map.groupBy(found, ([name]) => name)
  return new Map([...byName].map(([name, of]) => [name, new Set(of.map(([, traceId]) => traceId))]))
}

test('what is measured of a trace names it as exemplar', { timeout: 60_000 }, async t => {
  const collector = await collectorOf(t)
  const world = await openWorld(t, { tracing: { endpoint: collector.url, ratio: 0 } })
  const decision = 'feedloop_freshness_seconds decision'
  // a version may be superseded before it decides: all are traced
  await until(async () => {
    await askAndTell(world, { ask: header(callTrace), tell: header(tellTrace) })
    return (await exemplarsOf(world)).has(decision)
  }, 'a decision of a version that was traced')
  const found = await exemplarsOf(world)
  await world.stop()
  await world.context.tracer!.close()
  for (const name of ['gateway_request_seconds', 'decision_seconds', 'freshness_seconds transition'])
    assert.ok(found.get(`feedloop_${name}`)?.has(callTrace), `${name}: ${JSON.stringify([...found.keys()])}`)
  const versions = new Set(collector.spans.filter(({ name }) => name === 'version').map(({ traceId }) => traceId))
  for (const name of ['learner_update_seconds', 'freshness_seconds update', 'freshness_seconds serving'])
    for (const traceId of found.get(`feedloop_${name}`) ?? ['none'])
      assert.ok(versions.has(traceId), `${name}: ${traceId}`)
  for (const traceId of found.get(decision)!) assert.ok(versions.has(traceId))
})

/** All headers of the records of some topics. */
async function headersOf({ context: { log, config } }: World): Promise<Set<string>> {
  const found = new Set<string>()
  for (const topic of ['requests', 'events', 'recommendations', 'transitions'] as const)
    for (let p = 0; p < config.topics.partitions; p++)
      for (const { headers } of await log.read(topicName(config.topics.prefix, topic), p, 0))
        for (const name of Object.keys(headers)) found.add(name)
  return found
}

test('what is not sampled leaves no header and no span', { timeout: 60_000 }, async t => {
  const collector = await collectorOf(t)
  const world = await openWorld(t, { tracing: { endpoint: collector.url, ratio: 0 } })
  await askAndTell(world, { ask: header(callTrace, '00') })
  await world.settled()
  assert.deepEqual([...(await headersOf(world))], ['fl-step'])
  assert.equal((await exemplarsOf(world)).size, 0)
  await world.context.tracer!.close()
  assert.deepEqual([collector.spans, collector.calls], [[], 0])
})

test('off, there is no tracer, and records are as they were', { timeout: 60_000 }, async t => {
  const world = await openWorld(t)
  assert.equal(world.context.tracer, undefined)
  await askAndTell(world, { ask: header(callTrace) })
  await world.settled()
  assert.deepEqual([...(await headersOf(world))], ['fl-step'])
  assert.equal((await exemplarsOf(world)).size, 0)
})

const span = {
  traceId: callTrace,
  spanId: 'd'.repeat(16),
  name: 'n',
  kind: 'server',
  startMs: 1,
  endMs: 2,
  attributes: {},
  links: [],
} as const

test('a collector that is away holds nobody up, and gets what waited when it is back', async t => {
  const collector = await collectorOf(t)
  collector.status = 503
  const lines: string[] = []
  const logger = pino({ level: 'warn' }, { write: line => void lines.push(line) })
  const out = createExport({ endpoint: collector.url, service: 'x', logger })
  for (let n = 0; n < 9000; n++) out.add(span)
  await until(() => collector.calls > 0, 'a first try')
  await sleep(50)
  collector.status = 200
  await out.close()
  assert.equal(collector.spans.length, 8192)
  assert.match(lines[0], /"dropped":808.*spans are not taken/)
})

test('a batch that is refused for good is dropped and counted; those after it are taken', async t => {
  const collector = await collectorOf(t)
  collector.refused = 2
  const lines: string[] = []
  const logger = pino({ level: 'warn' }, { write: line => void lines.push(line) })
  const out = createExport({ endpoint: collector.url, service: 'x', logger })
  for (let n = 0; n < 1500; n++) out.add(span)
  await out.close()
  assert.equal(collector.spans.length, 1500 - 2 * 512)
  assert.equal(lines.length, 1)
  assert.match(lines[0], /"waiting":0,"dropped":1024,"error":"HTTP 400"/)
})

test('a collector that never answers has one call at a time, and the end waits for it some seconds only', {
  timeout: 30_000,
}, async t => {
  let calls = 0
  const silent = createServer(request => void request.resume().on('end', () => calls++))
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => {
    silent.closeAllConnections()
    silent.close()
  })
  t.mock.timers.enable({ apis: ['setInterval'] })
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/v1/traces`
  const out = createExport({ endpoint: url, service: 'x', logger: pino({ level: 'silent' }) })
  out.add(span)
  for (let turn = 0; turn < 100; turn++) t.mock.timers.tick(1000)
  await until(() => calls > 0, 'a call')
  const startMs = performance.now()
  await out.close()
  const tookMs = performance.now() - startMs
  assert.ok(tookMs < 4500, `${tookMs} ms`)
  assert.ok(calls <= 2, `${calls} calls`)
})

test('only a well-formed traceparent is believed', () => {
  const good = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  assert.deepEqual(parseTraceparent(good), { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true })
  assert.equal(parseTraceparent(`${good.slice(0, -2)}00`)!.sampled, false)
  assert.ok(parseTraceparent(`cc${good.slice(2)}-more`))
  for (const bad of [
    undefined,
    '',
    'x',
    good.toUpperCase(),
    `ff${good.slice(2)}`,
    `${good}x`,
    good.replace(/a/g, '0'),
    good.replace(/b/g, '0'),
  ])
    assert.equal(parseTraceparent(bad), null, bad)
  assert.equal(createTracer(parseConfig({}), 'x', pino({ level: 'silent' }), Date.now), undefined)
})
