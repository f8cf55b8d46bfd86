/** Kafka by testcontainers: as the bus of a process, which goes with it, and `feedloop broker`, whose container outlives its starter. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import type { BrokerStatus } from '../../src/log/kafka/broker/detached.ts'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import type { Log } from '../../src/log/log.ts'
import { findBus } from '../../src/log/open.ts'
import { isHere, requireImage } from './compose/images.ts'
import { type Part, type Say, shell } from './parts.ts'

const logger = pino({ level: 'silent' })

export const brokerPart: Part = {
  name: 'broker',
  async run(say) {
    await requireImage('kafka')
    await asBus(say)
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

/** The bus of the demo and of the tests. Its reaper, which removes the container of a process that was killed, is an image too. */
async function asBus(say: Say): Promise<void> {
  const { getReaperImage } = await import('testcontainers/build/reaper/reaper.js')
  if (!(await isHere(getReaperImage()))) {
    process.env.TESTCONTAINERS_RYUK_DISABLED = 'true'
    say(`NOT REAL: ${getReaperImage()} could not be had, so nothing removes the container if this is killed`)
  }
  delete process.env.KAFKA_BROKERS
  const bus = await findBus({ kind: 'kafka', logger })
  try {
    assert.match(bus.place, /started with Docker/)
    await appendsAndReads(bus.log)
    say(`the bus by testcontainers: ${bus.place}, written and read`)
  } finally {
    await bus.stop()
  }
}

async function appendsAndReads(log: Log): Promise<void> {
  await log.createTopics([{ topic: 'a', partitions: 1, replicationFactor: 1, config: {} }])
  assert.equal(await log.append('a', 0, [{ key: Buffer.from('k'), value: Buffer.from('v') }]), 0)
  const [record] = await log.read('a', 0, 0)
  assert.equal(record.value?.toString(), 'v')
}

async function lifeOf(broker: (command: string) => Promise<BrokerStatus>, say: Say): Promise<void> {
  const started = await broker('start')
  assert.equal(started.because, 'started with Docker')
  const log = await openKafkaLog({ brokers: started.brokers!, clientId: 'test', logger })
  await appendsAndReads(log)
  await log.close()
  say('start: a broker in a container, which answers when its starter has ended')
  assert.deepEqual(await broker('status'), started)
  assert.deepEqual(await broker('start'), { ...started, already: true })
  say('status and a second start find it')
  assert.deepEqual(await broker('stop'), { ...started, running: false })
  const left = await shell('docker', ['ps', '--all', '--quiet', '--no-trunc', '--filter', `id=${started.container}`])
  assert.equal(left, '')
  assert.deepEqual(await broker('status'), { running: false })
  say('stop: the container is gone')
}
