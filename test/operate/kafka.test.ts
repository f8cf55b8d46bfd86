/** Services as processes on a real Kafka: ready, alive, measured, drained; and one line when a topic is not there. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pino } from 'pino'
import { stringify } from 'yaml'
import { parseConfig } from '../../src/config.ts'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { endChild, startChild } from '../../src/operate/children.ts'
import type { StageName } from '../../src/pipeline.ts'

const brokers = process.env.KAFKA_BROKERS
const folder = mkdtempSync(join(tmpdir(), 'feedloop-operate-'))
after(() => rmSync(folder, { recursive: true }))

const settings = (prefix: string) => ({ topics: { prefix, partitions: 2 }, http: { host: '127.0.0.1' } })
function configFile(prefix: string): string {
  const file = join(folder, `${prefix}yaml`)
  writeFileSync(file, stringify(settings(prefix)))
  return file
}
const linesOf = (tail: string) => tail.split('\n').map(line => JSON.parse(line))

test('brokers are given', () => assert.ok(brokers, 'KAFKA_BROKERS is not set: run `npm test`, which starts a Kafka'))

for (const stage of ['gateway', 'joiner', 'learner', 'features'] as StageName[])
  test(`${stage}: ready, then SIGTERM: drained, exit code 0, within seconds`, { skip: !brokers }, async () => {
    const prefix = `op-${process.pid}-${stage}.`
    const log = await openKafkaLog({
      brokers: brokers!.split(','),
      clientId: 'test',
      logger: pino({ level: 'silent' }),
    })
    const config = parseConfig(settings(prefix))
    await applyTopics(log, topicSpecs({ ...config.topics, policies: 1 }))
    await log.close()
    const child = startChild(stage, configFile(prefix), process.env)
    await child.ready(60_000)
    const { port } = linesOf(child.tail()).find(line => line.port !== undefined)
    assert.equal((await fetch(`http://127.0.0.1:${port}/livez`)).status, 200)
    assert.match(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(), /^process_cpu_user_seconds_total /m)
    const began = performance.now()
    assert.equal(await endChild(child, 'SIGTERM'), 0, child.tail())
    assert.ok(performance.now() - began < 10_000, `${performance.now() - began} ms`)
    assert.ok(
      linesOf(child.tail()).every(line => line.level < 50),
      child.tail(),
    )
  })

test('a topic that is not there: one line, exit code 1', { skip: !brokers }, async () => {
  const child = startChild('joiner', configFile(`op-${process.pid}-none.`), process.env)
  const [code] = await once(child.process, 'exit')
  assert.equal(code, 1)
  const bad = linesOf(child.tail()).filter(line => line.level >= 50)
  assert.deepEqual(
    bad.map(line => [line.level, line.code]),
    [[60, 'TOPIC_UNKNOWN']],
  )
})

/** Passes connections on to the first broker. Clients find their way from there by what it advertises. */
function openProxy(port: number): Server {
  const [host, target] = brokers!.split(',')[0]!.split(/:(?=\d+$)/)
  return createServer(near => {
    const far = connect(Number(target), host)
    near.pipe(far).pipe(near)
    for (const end of [near, far]) end.on('error', () => end.destroy())
  }).listen(port, '127.0.0.1')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('started before its brokers, it is ready once they are there', { skip: !brokers, timeout: 120_000 }, async t => {
  const prefix = `op-${process.pid}-early.`
  const log = await openKafkaLog({ brokers: brokers!.split(','), clientId: 'test', logger: pino({ level: 'silent' }) })
  await applyTopics(log, topicSpecs({ ...parseConfig(settings(prefix)).topics, policies: 1 }))
  await log.close()
  const port = await freePort()
  const child = startChild('joiner', configFile(prefix), { ...process.env, KAFKA_BROKERS: `127.0.0.1:${port}` })
  t.after(() => endChild(child, 'SIGKILL'))
  while (!child.tail().includes('LOG_UNAVAILABLE')) await once(child.process.stderr!, 'data')
  const proxy = openProxy(port)
  t.after(() => proxy.close())
  await child.ready(60_000)
  assert.equal(await endChild(child, 'SIGTERM'), 0, child.tail())
})

test('a registry that does not answer is waited for', { skip: !brokers, timeout: 120_000 }, async t => {
  const file = join(folder, 'registry.yaml')
  writeFileSync(file, stringify({ ...settings('none.'), registry: { url: `http://127.0.0.1:${await freePort()}` } }))
  const child = startChild('joiner', file, process.env)
  t.after(() => endChild(child, 'SIGKILL'))
  while (!child.tail().includes('REGISTRY_UNAVAILABLE')) await once(child.process.stderr!, 'data')
  const { port } = linesOf(child.tail()).find(line => line.port !== undefined)
  assert.equal((await fetch(`http://127.0.0.1:${port}/livez`)).status, 200)
  const ready = await fetch(`http://127.0.0.1:${port}/readyz`)
  const { waiting } = (await ready.json()) as { waiting: Record<string, string> }
  assert.equal(ready.status, 503)
  assert.match(waiting.registry!, /^REGISTRY_UNAVAILABLE: /)
  assert.equal(await endChild(child, 'SIGTERM'), 0, child.tail())
})
