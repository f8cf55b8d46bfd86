/** The operator's door of a process with every stage in it: after some traffic, every metric of the table has a value. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Drive, startDrive } from '../../src/environments/drive.ts'
import { publishWorld } from '../../src/environments/publish.ts'
import type { RunningGateway } from '../../src/gateway/service.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { type MetricName, metricTable } from '../../src/metric-table.ts'
import type { Running } from '../../src/operate/context.ts'
import { openOperatorDoor } from '../../src/operate/http.ts'
import { startServices, stopServices } from '../../src/operate/run.ts'
import { call, environment, misbehave, openContext, restartGate, spoil, stages } from './metrics-world.ts'

const LIMIT_MS = 45_000
const prefix = 'm.'

/** Only what goes badly wrong raises these, or a catalogue that is large, a Kafka, or an audit; each has a test of its own. */
const elsewhere: readonly MetricName[] = [
  'feedloop_state_dropped_total',
  'feedloop_retrieval_seconds',
  'feedloop_kafka_request_seconds',
  'feedloop_kafka_request_failures_total',
  'feedloop_kafka_received_bytes_total',
  'feedloop_accounting_differences',
  'feedloop_accounting_records',
  'feedloop_accounting_timestamp_seconds',
  'feedloop_heartbeats_sent_total',
  'feedloop_heartbeat_timestamp_seconds',
]

/** Of every stage but the gateway, which reads by no group: every instance hears all. */
const ofTheBus = stages
  .filter(stage => stage !== 'gateway')
  .flatMap(stage =>
    ['lag_records', 'lag_seconds', 'records_consumed_total', 'records_produced_total'].map(
      name => `\nfeedloop_${name}{stage="${stage}",`,
    ),
  )

/** True when the text has a sample of the metric; of a histogram, one that saw something. */
const hasValue = (text: string, name: MetricName): boolean =>
  metricTable[name].type === 'histogram'
    ? new RegExp(`^${name}_count(\\{.*\\})? [1-9]`, 'm').test(text)
    : new RegExp(`^${name}(\\{.*\\})? [-+0-9.e]+$`, 'm').test(text)

async function until(what: string, look: () => Promise<string>): Promise<void> {
  const deadline = Date.now() + LIMIT_MS
  for (;;) {
    const missing = await look()
    if (missing === '') return
    assert.ok(Date.now() < deadline, `${what}: ${missing}`)
    await sleep(100)
  }
}

test('every metric of the table has a value at /metrics, and /livez and /readyz answer', async () => {
  const context = await openContext({ log: openEmbeddedLog(), prefix })
  const running: Running[] = []
  let traffic: Drive | undefined
  const door = await openOperatorDoor(context, () => running)
  const get = (path: string) => fetch(`http://127.0.0.1:${door.port}${path}`)
  const metrics = async () => (await get('/metrics')).text()
  try {
    assert.equal((await get('/livez')).status, 200)
    assert.equal((await get('/readyz')).status, 503, 'nothing runs yet')

    running.push(...(await startServices(context, stages)))
    const gateway = running.find(({ name }) => name === 'gateway') as RunningGateway
    await publishWorld({ environment, log: context.log, wire: context.wire, prefix })
    await until('ready', async () => {
      const response = await get('/readyz')
      return response.status === 200 ? '' : response.text()
    })
    traffic = await startDrive({ environment, ...context, prefix, seed: 1, sessions: 16 })
    await misbehave(context)
    await until('served', async () =>
      /^feedloop_freshness_seconds_count\{until="serving"\} [1-9]/m.test(await metrics())
        ? ''
        : 'no fresh version serves',
    )
    await restartGate(context, running)
    let spoiled = 0
    await until('without a value', async () => {
      await spoil(context, ++spoiled)
      await Promise.all([call(gateway), call(gateway), call(gateway)])
      const text = await metrics()
      const expected = (Object.keys(metricTable) as MetricName[]).filter(name => !elsewhere.includes(name))
      const missing = expected.filter(name => !hasValue(text, name))
      return missing.join(', ')
    })
    const response = await get('/metrics')
    assert.match(response.headers.get('content-type')!, /^application\/openmetrics-text; version=1\.0\.0/)
    const text = await response.text()
    assert.ok(text.endsWith('# EOF\n'))
    for (const stage of ['transition', 'update', 'serving', 'decision'])
      assert.match(text, new RegExp(`^feedloop_freshness_seconds_count\\{until="${stage}"\\} [1-9]`, 'm'))
    for (const [, version] of text.matchAll(/^feedloop_model_version\{stage="ranker",policy="default"\} (\d+)$/gm))
      assert.ok(Number(version) > 0)
    assert.match(text, /^feedloop_dead_letters_total\{stage="ranker",code="RECORD_INVALID"\} 1$/m)
    await until('of the bus, by stage, without a value', async () => {
      const text = await metrics()
      return ofTheBus.filter(each => !text.includes(each)).join(', ')
    })
  } finally {
    await traffic?.stop(1000)
    await stopServices(running)
    await door.close()
  }
})
