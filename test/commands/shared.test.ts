import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { kafkaOf } from '../../src/commands/shared.ts'
import { parseConfig } from '../../src/config.ts'
import { FeedloopError } from '../../src/errors.ts'

test('a password file that is not there yet is waited for, and named', async () => {
  const sasl = { mechanism: 'plain', username: 'ann', passwordFile: '/nowhere/password' } as const
  const connect = await kafkaOf(parseConfig({ kafka: { brokers: ['127.0.0.1:1'], sasl } }), pino({ level: 'silent' }))
  await assert.rejects(connect(), error => {
    assert.ok(error instanceof FeedloopError)
    assert.deepEqual([error.code, error.kind], ['SECRET_MISSING', 'retryable'])
    assert.match(error.message, /\/nowhere\/password/)
    return true
  })
})

test('without brokers it is said how to have one: that which `broker start` left running, else by it', async t => {
  const home = mkdtempSync(join(tmpdir(), 'feedloop-home-'))
  const before = process.env.XDG_STATE_HOME
  process.env.XDG_STATE_HOME = home
  t.after(() => {
    if (before === undefined) delete process.env.XDG_STATE_HOME
    else process.env.XDG_STATE_HOME = before
    rmSync(home, { recursive: true })
  })
  const refusal = () =>
    kafkaOf(parseConfig({}), pino({ level: 'silent' })).then(() => assert.fail('there are brokers'), String)
  assert.match(await refusal(), /CONFIG_INVALID: no brokers: .*`feedloop broker start` makes one/)
  // all that makes a process the broker of a state file is its command line
  const broker = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)', join(home, 'broker.properties')])
  t.after(() => broker.kill())
  mkdirSync(join(home, 'feedloop'))
  const state = { pid: broker.pid, brokers: ['127.0.0.1:1', '127.0.0.1:2'], folder: home }
  writeFileSync(join(home, 'feedloop', 'broker.json'), JSON.stringify(state))
  assert.match(
    await refusal(),
    /CONFIG_INVALID: no brokers: .* is running: export KAFKA_BROKERS=127.0.0.1:1,127.0.0.1:2/,
  )
})
