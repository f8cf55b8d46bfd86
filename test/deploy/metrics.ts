/**
 * A real Prometheus scrapes a running loop on a real Kafka, with every stage, heartbeats and audits: what every panel, alert and
 * runbook asks for is there. Of an alert that is silent the comparisons are asked for by their truth (`bool`), so that their
 * operands must be there with labels that meet. What was traced is kept as exemplars. (drill/drill.ts makes the alerts fire.)
 */
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { alertRules } from '../../deploy/generate/alerts/rules.ts'
import type { ConfigInput } from '../../src/config.ts'
import { startDrive } from '../../src/environments/drive.ts'
import { publishWorld } from '../../src/environments/publish.ts'
import { showBalance } from '../../src/evaluation/accounting.ts'
import { audit } from '../../src/evaluation/audit.ts'
import type { RunningGateway } from '../../src/gateway/service.ts'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import { findBus } from '../../src/log/open.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { createMeter } from '../../src/metrics.ts'
import type { Running, ServiceContext } from '../../src/operate/context.ts'
import { beatUntil } from '../../src/operate/heartbeats.ts'
import { openOperatorDoor } from '../../src/operate/http.ts'
import { orderRelease } from '../../src/operate/release.ts'
import { startServices, stopServices } from '../../src/operate/run.ts'
import { createTracer } from '../../src/tracing/tracer.ts'
import {
  call,
  environment,
  misbehave,
  openContext,
  request,
  restartGate,
  spoil,
  stages,
} from '../operate/metrics-world.ts'
import { event } from '../transitions/make.ts'
import { panelExpressions, runbookExpressions } from './expressions.ts'
import type { Part, Say } from './parts.ts'
import { type Exemplars, type Prometheus, startPrometheus } from './prometheus.ts'

const LIMIT_MS = 120_000
const rules = alertRules().flatMap(group => group.rules)

export const metricsPart: Part = {
  name: 'metrics',
  async run(say) {
    const folder = mkdtempSync(join(tmpdir(), 'feedloop-metrics-'))
    const logger = pino({ level: 'silent' })
    const bus = await findBus({ kind: 'kafka', logger })
    const meter = createMeter({ processMetrics: true })
    const log = await openKafkaLog({ brokers: bus.brokers!, clientId: 'feedloop', logger, meter })
    try {
      await onLoop(say, await openLoop(log, meter, folder))
    } finally {
      await log.close()
      await bus.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

/** A collector that takes no spans: their ids are measured all the same. */
const nobody = 'http://127.0.0.1:9/v1/traces'

/** One of the joiner's states on disk is torn before it starts. */
async function openLoop(log: ServiceContext['log'], meter: ServiceContext['meter'], folder: string) {
  const prefix = `m${randomBytes(4).toString('hex')}.`
  const torn = join(folder, prefix, 'joiner', '0', 'data')
  mkdirSync(torn, { recursive: true })
  writeFileSync(join(torn, 'data.mdb'), 'torn')
  const state = (environment.preset as ConfigInput).state
  const context = await openContext({
    log,
    prefix,
    meter,
    config: { heartbeat: { everyMs: 1000 }, state: { ...state, folder }, tracing: { endpoint: nobody } },
    policies: [
      { name: 'towers', algorithm: 'two-tower', explorer: { name: 'softmax' } },
      { name: 'segments', algorithm: 'v-trace', gamma: 0.9, explorer: { name: 'softmax' } },
      { name: 'values', algorithm: 'dqn', dqn: { prioritised: true } },
      { name: 'rounds', algorithm: 'ppo', gamma: 0.9, explorer: { name: 'softmax' } },
      // it refuses what a baseline chose
      { name: 'weighs', algorithm: 'two-tower', mode: 'apprentice' },
    ],
  })
  return { ...context, tracer: createTracer(context.config, 'feedloop', context.logger, context.now) }
}

async function onLoop(say: Say, context: ServiceContext): Promise<void> {
  const { config, log, wire } = context
  const { prefix } = config.topics
  const running: Running[] = []
  const stop = new AbortController()
  const door = await openOperatorDoor(context, () => running)
  const open: { stop(): Promise<unknown> }[] = [
    { stop: () => stopServices(running) },
    { stop: () => door.close() },
    { stop: async () => context.tracer?.close() },
  ]
  try {
    running.push(...(await startServices(context, stages)))
    await publishWorld({ environment, log, wire, prefix })
    await until('ready', async () => running.map(service => service.waitingFor()).filter(Boolean))
    const traffic = await startDrive({ environment, ...context, prefix, seed: 1, sessions: 8 })
    open.unshift({ stop: () => traffic.stop(1000) })
    const prometheus = await startPrometheus(door.port, [])
    open.unshift(prometheus)
    const beating = beatUntil(context, stop.signal)
    open.unshift({
      stop() {
        stop.abort()
        return beating
      },
    })
    await trouble(context, running)
    await until('scraped', async () => ((await prometheus.target()).health === 'up' ? [] : ['no scrape yet']))
    assert.equal((await prometheus.target()).lastError, '')
    say('Prometheus scrapes OpenMetrics without a complaint')
    await watch(say, context, running, prometheus)
    await exemplars(say, running, prometheus)
  } finally {
    for (const each of open) await each.stop().catch(() => {})
  }
}

/** What an orderly loop does not show. */
async function trouble(context: ServiceContext, running: Running[]): Promise<void> {
  await spoil(context, 1)
  await misbehave(context)
  for (const policy of ['towers', 'segments', 'values', 'rounds']) await asked(context, policy, {})
  await asked(context, 'weighs', { baseline: [environment.items()[0].item_id] })
  const served = () => context.meter.registry.metrics()
  await until('a version serves', async () =>
    /^feedloop_freshness_seconds_count\{until="decision"\} [1-9]/m.test(await served()) ? [] : ['none'],
  )
  await restartGate(context, running, async () => {
    const [{ item_id }] = environment.items()
    await order(context, 'apprentice')
    await asked(context, 'default', { baseline: [item_id] })
    const byBaseline = /^feedloop_slots_joined_total\{policy="default",.*chosen_by="baseline"/m
    await until('the baseline chose', async () => (byBaseline.test(await served()) ? [] : ['nothing']))
    await order(context, 'online')
  })
}

const order = (context: ServiceContext, mode: 'online' | 'apprentice') =>
  orderRelease(context, { id: randomUUID(), policy: 'default', mode, shares: null, why: 'a trial', by: 'test' }, 30_000)

/** Requests to a policy, each with a click on what comes. */
async function asked({ config, log, wire }: ServiceContext, policy: string, fields: object): Promise<void> {
  const { prefix, partitions } = config.topics
  const userId = `asks-${policy}`
  const partition = partitionFor(userId, partitions)
  const key = Buffer.from(userId)
  for (let i = 0; i < 40; i++) {
    const asks = { ...request(randomUUID(), { policy, ...fields }), user_id: userId, time_ms: Date.now() }
    const click = event('click', 0, { user_id: userId, decision_id: asks.request_id, time_ms: Date.now() })
    await log.append(`${prefix}requests`, partition, [{ key, value: wire.encode('requests', asks) }])
    await log.append(`${prefix}events`, partition, [{ key, value: wire.encode('events', click) }])
  }
}

async function watch(say: Say, context: ServiceContext, running: readonly Running[], prometheus: Prometheus) {
  const gateway = running.find(({ name }) => name === 'gateway') as RunningGateway
  const empty = async (expressions: readonly string[]): Promise<string[]> => {
    await Promise.all([call(gateway), call(gateway), call(gateway)])
    // until an apprentice would have shown the same as the baseline
    await asked(context, 'apprentice', { baseline: [environment.items()[0].item_id] })
    const answers = await Promise.all(expressions.map(async each => (await prometheus.query(each)).length))
    return expressions.filter((_, i) => answers[i] === 0)
  }
  showBalance(context.meter, await audit({ ...context, prefix: context.config.topics.prefix }), Date.now())
  const panels = panelExpressions()
  await until('panels without series', () => empty(panels))
  say(`${panels.length} expressions of panels return series`)
  const alerts = rules.map(({ expr }) => truthOf(expr))
  await until('alerts whose operands have no series', () => empty(alerts))
  say(`${alerts.length} alerts find what they compare`)
  const inRunbooks = [...new Set(runbookExpressions())].map(truthOf)
  await until('runbooks that ask for what is not there', () => empty(inRunbooks))
  say(`${inRunbooks.length} expressions of runbooks return series`)
}

/** A call, and what came of it: traced from its beginning, as nothing on the bus is. */
async function askAndClick(port: number): Promise<void> {
  const post = async (path: string, body: object) => {
    const call = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, call)
    const told = await answer.text()
    // this door is small
    assert.ok(answer.ok || answer.status === 503, told)
    return JSON.parse(told) as { decision_id?: string; items?: string[] }
  }
  const wish = { request_id: randomUUID(), user_id: 'u', slots: 1, timeout_ms: 5000 }
  const { decision_id, items } = await post('/v1/recommendations', wish)
  if (!items?.length) return
  const click = { event_id: randomUUID(), user_id: 'u', type: 'click', time_ms: Date.now() }
  await post('/v1/events', { events: [{ ...click, decision_id, item_id: items[0] }] })
}

/** What dashboards mark on their panels, by what they ask for. */
async function exemplars(say: Say, running: readonly Running[], prometheus: Prometheus): Promise<void> {
  const { port } = running.find(({ name }) => name === 'gateway') as RunningGateway
  const measured = ['gateway_request_seconds', 'decision_seconds', 'freshness_seconds', 'learner_update_seconds']
  await until('without exemplars', async () => {
    await askAndClick(port)
    const found = await Promise.all(measured.map(name => prometheus.exemplars(`feedloop_${name}_bucket`)))
    const isTrace = ({ exemplars: all }: Exemplars) =>
      all.some(({ labels }) => /^[0-9a-f]{32}$/.test(labels.trace_id ?? ''))
    return measured.filter((_, i) => !found[i]!.some(isTrace))
  })
  say(`Prometheus keeps exemplars with trace ids of ${measured.join(', ')}`)
}

/** Comparisons that give 0 or 1 and leave nothing out, sets that are all there. */
export const truthOf = (expr: string): string =>
  expr
    .replace(/ (<|>) /g, ' $1 bool ')
    .replaceAll(' unless on () ', ' or ')
    .replaceAll(' unless ', ' or ')
    .replace(/ offset \w+/g, '')
    .replace(/^absent\((.*)\)$/, '$1')

async function until(what: string, missing: () => Promise<readonly string[]>): Promise<void> {
  for (const deadline = Date.now() + LIMIT_MS; ; await sleep(500)) {
    const left = await missing()
    if (left.length === 0) return
    assert.ok(Date.now() < deadline, `${what}:\n${left.join('\n')}`)
  }
}
