/** A service that cannot run says why in one line and exits non-zero; what it says on stderr is JSON, line by line. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

const root = join(import.meta.dirname, '../..')
const main = join(root, 'src/main.ts')
const bin = join(root, 'bin/feedloop.mjs')
const folder = mkdtempSync(join(tmpdir(), 'feedloop-run-'))
after(() => rmSync(folder, { recursive: true }))

const { KAFKA_BROKERS: _, ...inherited } = process.env
const environment = { ...inherited, FEEDLOOP_HTTP_PORT: '0' }
const badConfig = join(folder, 'bad.yaml')
writeFileSync(badConfig, 'topics:\n  partitions: -1\nfoo: 1\n')

const taken = createServer()
await once(taken.listen(0, '127.0.0.1'), 'listening')
after(() => taken.close())

const cases = [
  { name: 'no brokers', args: [], env: {}, code: 'CONFIG_INVALID', says: /no brokers: set KAFKA_BROKERS/ },
  {
    name: 'a bad configuration, all of it in the line',
    args: ['--config', badConfig],
    env: {},
    code: 'CONFIG_INVALID',
    says: /topics\.partitions: .*; \(top\): .*"foo"/,
  },
  {
    name: 'a port that another has',
    args: [],
    env: { KAFKA_BROKERS: '127.0.0.1:1', FEEDLOOP_HTTP_PORT: String((taken.address() as AddressInfo).port) },
    code: 'PORT_UNAVAILABLE',
    says: /EADDRINUSE/,
  },
  { name: 'no file', args: ['--config', join(folder, 'none.yaml')], env: {}, code: 'DATA_MISSING', says: /none\.yaml/ },
]

for (const { name, args, env, code, says } of cases)
  test(`run with ${name}: one line, exit code 1`, () => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [main, 'run', 'joiner', ...args], {
      env: { ...environment, ...env },
      encoding: 'utf8',
      timeout: 60_000,
    })
    assert.deepEqual([status, stdout], [1, ''])
    const [line, ...more] = stderr
      .trim()
      .split('\n')
      .map(text => JSON.parse(text))
    assert.deepEqual(more, [])
    assert.deepEqual([line.level, line.code], [60, code])
    assert.match(line.msg, says)
  })

test('the bin works through a symlink, and passes the exit code on', () => {
  const link = join(folder, 'feedloop')
  symlinkSync(bin, link)
  const help = spawnSync(link, ['--help'], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(help.status, 0, help.stderr)
  assert.match(help.stdout, /^Usage: feedloop/)
  const wrong = spawnSync(process.execPath, [link, 'no-such-command'], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(wrong.status, 1)
  assert.match(wrong.stderr, /unknown command/)
})

test('a service that waits for its brokers stops at once when it is asked to', async () => {
  const deaf = createServer()
  await once(deaf.listen(0, '127.0.0.1'), 'listening')
  const { port } = deaf.address() as AddressInfo
  const child = spawn(bin, ['run', 'joiner'], {
    env: { ...environment, KAFKA_BROKERS: `127.0.0.1:${port}` },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [socket] = await once(deaf, 'connection')
  // A terminal's Ctrl-C goes to the whole group, and who started it hands it on: twice is once.
  child.kill('SIGINT')
  await sleep(1)
  child.kill('SIGINT')
  const [code, signal] = await once(child, 'exit')
  assert.deepEqual([code, signal], [0, null])
  socket.destroy()
  deaf.close()
})

test('a gateway tells its callers from the start that there is no Kafka, and lives', { timeout: 60_000 }, async t => {
  const child = spawn(bin, ['run', 'gateway'], {
    env: { ...environment, KAFKA_BROKERS: '127.0.0.1:1', FEEDLOOP_GATEWAY_PORT: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  const lines: { port?: number; gatewayPort?: number }[] = []
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(JSON.parse(line))
    if (lines.some(each => each.gatewayPort !== undefined)) break
  }
  child.stderr.resume()
  const { port, gatewayPort } = Object.assign({}, ...lines)
  assert.equal((await fetch(`http://127.0.0.1:${port}/livez`)).status, 200)
  assert.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 503)
  for (const [path, body] of [
    ['recommendations', { request_id: 'a', user_id: 'ann' }],
    ['events', { events: [{ event_id: 'a', user_id: 'ann', type: 'click', time_ms: 1 }] }],
  ] as const) {
    const response = await fetch(`http://127.0.0.1:${gatewayPort}/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const { code } = (await response.json()) as { code: string }
    assert.deepEqual([response.status, response.headers.get('retry-after'), code], [503, '1', 'GATEWAY_NOT_READY'])
  }
  assert.equal((await fetch(`http://127.0.0.1:${gatewayPort}/openapi.json`)).status, 200)
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

for (const args of [['run', 'joiner'], ['watch']])
  test(`without an answer of the brokers ${args.join(' ')} lives, is not ready, says why, and goes on trying`, {
    timeout: 60_000,
  }, async t => {
    const child = spawn(bin, args, {
      env: { ...environment, KAFKA_BROKERS: '127.0.0.1:1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    t.after(() => child.kill('SIGKILL'))
    const lines: { level: number; msg: string; code?: string; port?: number }[] = []
    const reader = createInterface({ input: child.stderr })
    reader.on('line', line => lines.push(JSON.parse(line)))
    const until = async (found: () => boolean) => {
      while (!found()) await once(reader, 'line')
    }
    await until(() => lines.some(line => line.port !== undefined))
    const { port } = lines.find(line => line.port !== undefined)!
    const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`)
    const ready = async () => {
      const response = await get('/readyz')
      return [response.status, ((await response.json()) as { waiting: { brokers: string } }).waiting.brokers] as const
    }
    assert.equal((await get('/livez')).status, 200)
    assert.deepEqual(await ready(), [503, 'the first attempt'])
    await until(() => lines.filter(line => line.code === 'LOG_UNAVAILABLE').length >= 2)
    assert.equal((await get('/livez')).status, 200)
    const [status, reason] = await ready()
    assert.equal(status, 503)
    assert.match(reason, /^LOG_UNAVAILABLE: .*127\.0\.0\.1:1/)
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.deepEqual(
      lines.filter(line => line.level >= 50),
      [],
    )
  })
