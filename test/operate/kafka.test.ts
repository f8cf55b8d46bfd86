/** Services as processes on a real Kafka: ready, alive, measured, drained; and one line when a topic is not there. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

for (const stage of ['joiner', 'learner', 'features'] as StageName[])
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
