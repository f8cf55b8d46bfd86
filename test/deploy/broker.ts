/** `feedloop broker` with a Docker engine: a container that outlives its starter, found and removed by another process. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import type { BrokerStatus } from '../../src/log/kafka/broker/detached.ts'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import { type Part, type Say, shell } from './parts.ts'

export const brokerPart: Part = {
  name: 'broker',
  async run(say) {
    const home = mkdtempSync(join(tmpdir(), 'feedloop-home-'))
    const env = { XDG_STATE_HOME: home, KAFKA_BROKERS: undefined }
    const broker = async (command: string) =>
      JSON.parse(await shell(process.execPath, ['src/main.ts', 'broker', command], { env })) as BrokerStatus
    try {
      await lifeOf(broker, say)
    } finally {
      await broker('stop')
      rmSync(home, { recursive: true })
    }
  },
}

async function lifeOf(broker: (command: string) => Promise<BrokerStatus>, say: Say): Promise<void> {
  const started = await broker('start')
  assert.equal(started.because, 'started with Docker')
  const brokers = started.brokers!
  const log = await openKafkaLog({ brokers, clientId: 'test', logger: pino({ level: 'silent' }) })
  await log.createTopics([{ topic: 'a', partitions: 1, replicationFactor: 1, config: {} }])
  assert.equal(await log.append('a', 0, [{ key: null, value: null }]), 0)
  await log.close()
  say('start: a broker in a container, which answers when its starter has ended')
  for (const command of ['status', 'start']) assert.deepEqual(await broker(command), started)
  say('status and a second start find it')
  assert.deepEqual(await broker('stop'), { ...started, running: false })
  const left = await shell('docker', ['ps', '--all', '--quiet', '--no-trunc', '--filter', `id=${started.container}`])
  assert.equal(left, '')
  assert.deepEqual(await broker('status'), { running: false })
  say('stop: the container is gone')
}
