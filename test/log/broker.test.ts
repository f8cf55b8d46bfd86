/** Brokers that we start ourselves: gone, with their data, when their starter is, however it ends. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pino from 'pino'
import { isCode } from '../../src/errors.ts'
import { brokerStart, brokerStatus, brokerStop } from '../../src/log/kafka/broker/detached.ts'
import { brokerFiles } from '../../src/log/kafka/broker/jars.ts'
import { javaFlags } from '../../src/log/kafka/broker/local.ts'
import { namedBrokers, startFirst } from '../../src/log/kafka/broker/ways.ts'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import { findBus } from '../../src/log/open.ts'

const logger = pino({ level: 'silent' })
const home = mkdtempSync(join(tmpdir(), 'feedloop-home-'))
process.env.XDG_STATE_HOME = home
after(() => rmSync(home, { recursive: true, force: true }))

const answers = (port: number) =>
  new Promise<boolean>(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })

async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 15_000
  while (!(await check())) {
    assert.ok(Date.now() < giveUpAt, `not within 15 s: ${what}`)
    await pause(50)
  }
}

/** Sets environment variables while `work` runs. */
const withEnvironment = async (values: Record<string, string | undefined>, work: () => Promise<void>) => {
  const before = Object.fromEntries(Object.keys(values).map(key => [key, process.env[key]]))
  const set = (entries: Record<string, string | undefined>) => {
    for (const [key, value] of Object.entries(entries)) {
      if (value === undefined) delete process.env[key]
      else process.env[key] = value
    }
  }
  set(values)
  try {
    await work()
  } finally {
    set(before)
  }
}

describe('brokers', () => {
  test('a broker whose starter is killed is gone, and its data too', async () => {
    const program = `
      import pino from 'pino'
      import { startLocalBroker } from ${JSON.stringify(new URL('../../src/log/kafka/broker/local.ts', import.meta.url).href)}
      const { brokers } = await startLocalBroker({ logger: pino({ level: 'silent' }) })
      console.log(JSON.stringify(brokers))
      setInterval(() => {}, 1000)`
    const temporary = mkdtempSync(join(home, 'tmp-'))
    const starter = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: new URL('../../', import.meta.url),
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await Promise.race([
      starter.stdout.take(1).toArray() as Promise<Buffer[]>,
      new Promise<never>((_, reject) =>
        starter.on('exit', code => reject(new Error(`the starter ended with ${code}`))),
      ),
    ])
    const port = Number(JSON.parse(line.toString())[0].split(':')[1])
    const folders = () => readdirSync(temporary).filter(name => name.startsWith('feedloop-kafka-'))
    assert.equal(folders().length, 1)
    assert.ok(await answers(port))
    starter.kill('SIGKILL')
    await until('the broker is gone', async () => !(await answers(port)))
    await until('its folder is gone', () => folders().length === 0)
  })

  const noDocker = { KAFKA_BROKERS: undefined, DOCKER_HOST: 'tcp://127.0.0.1:1' }
  test('start, status, stop: it outlives its starter, and only ours is stopped', () =>
    withEnvironment(noDocker, async () => {
      assert.deepEqual(await brokerStatus(), { running: false })
      assert.deepEqual(await brokerStop(), { running: false })
      const started = await brokerStart(logger)
      assert.ok(started.running)
      assert.match(started.because!, /^started with Java and Maven; no Docker: /)
      assert.deepEqual(await brokerStatus(), started)
      assert.deepEqual(await brokerStart(logger), { ...started, already: true }, 'a second start finds the first')
      const log = await openKafkaLog({ brokers: started.brokers!, clientId: 'test', logger })
      await log.createTopics([{ topic: 'a', partitions: 1, replicationFactor: 1, config: {} }])
      assert.equal(await log.append('a', 0, [{ key: null, value: null }]), 0)
      await log.close()
      assert.equal((await brokerStop()).pid, started.pid)
      assert.deepEqual(await brokerStatus(), { running: false })
      assert.ok(!existsSync(started.folder!))
      assert.ok(!(await answers(Number(started.brokers![0].split(':')[1]))))
    }))

  test('one that is to last has the compiler and the collector that Kafka itself starts with', () =>
    withEnvironment(noDocker, async () => {
      const files = await brokerFiles()
      assert.ok(javaFlags(files).includes('-XX:TieredStopAtLevel=1'))
      const flags = javaFlags(files, { lasting: true })
      assert.ok(flags.includes('-XX:+UseG1GC') && !flags.some(flag => /Serial|Tiered/.test(flag)), flags.join(' '))
      const bus = await findBus({ kind: 'kafka', logger, lasting: true })
      await bus.log.createTopics([{ topic: 'a', partitions: 1, replicationFactor: 1, config: {} }])
      assert.equal(await bus.log.append('a', 0, [{ key: null, value: null }]), 0)
      await bus.stop()
    }))

  test('a broker that is named is not started again, and must answer', () =>
    withEnvironment({ KAFKA_BROKERS: '127.0.0.1:1' }, async () => {
      await assert.rejects(brokerStart(logger), error => isCode(error, 'LOG_UNAVAILABLE'))
      assert.deepEqual(await brokerStatus(), { running: false })
    }))

  test('a process that got the id of a broker of old is left alone', async () => {
    const folder = mkdtempSync(join(home, 'other-'))
    const stateFile = join(home, 'feedloop', 'broker.json')
    writeFileSync(stateFile, JSON.stringify({ pid: process.pid, brokers: ['127.0.0.1:1'], folder }))
    assert.deepEqual(await brokerStatus(), { running: false })
    assert.deepEqual(await brokerStop(), { running: false })
    assert.ok(existsSync(folder), 'a folder that is no broker folder stays')
    assert.throws(() => readFileSync(stateFile))
  })
})

describe('the ways to a broker', () => {
  test('brokers that are named by nothing are not named', () =>
    withEnvironment({ KAFKA_BROKERS: ' ' }, async () => assert.equal(namedBrokers(), undefined)))
  const fails = (message: string) => async () => Promise.reject(new Error(message))
  test('Docker before Java, each with the reason', async () => {
    const docker = async () => 'a container'
    const java = async () => 'a process'
    assert.deepEqual(await startFirst({ docker, java }), { started: 'a container', because: 'started with Docker' })
    assert.deepEqual(await startFirst({ docker: fails('no engine\nat all'), java }), {
      started: 'a process',
      because: 'started with Java and Maven; no Docker: no engine',
    })
    await assert.rejects(startFirst({ docker: fails('no engine'), java: fails('no javac') }), {
      code: 'BUS_UNAVAILABLE',
      message: 'BUS_UNAVAILABLE: no Docker: no engine; no Java and Maven: no javac',
    })
  })
})

describe('findBus', () => {
  const nothing = {
    KAFKA_BROKERS: undefined,
    PATH: '/nonexistent',
    JAVA_HOME: undefined,
    DOCKER_HOST: 'tcp://127.0.0.1:1',
  }

  test('without any Kafka, the error names what was tried and the ways to get one', () =>
    withEnvironment(nothing, async () => {
      await assert.rejects(findBus({ kind: 'kafka', logger }), error => {
        assert.ok(isCode(error, 'BUS_UNAVAILABLE'))
        const { message } = error as Error
        for (const word of ['KAFKA_BROKERS', 'Docker', 'Java', 'Maven']) assert.match(message, new RegExp(word))
        return true
      })
    }))

  test('the demo falls back to the embedded log and says why', () =>
    withEnvironment(nothing, async () => {
      const bus = await findBus({ kind: 'auto', logger })
      assert.match(bus.place, /^embedded.*no Docker.*no Java/s)
      assert.equal(bus.brokers, undefined)
      await bus.stop()
    }))

  test('brokers that are named but do not answer are an error, never replaced', () =>
    withEnvironment({ KAFKA_BROKERS: '127.0.0.1:1' }, async () => {
      await assert.rejects(findBus({ kind: 'auto', logger, firstContactMs: 300 }), error =>
        isCode(error, 'LOG_UNAVAILABLE'),
      )
    }))
})
