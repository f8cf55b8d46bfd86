/** A service that cannot run says why in one line and exits non-zero; what it says on stderr is JSON, line by line. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const root = join(import.meta.dirname, '../..')
const main = join(root, 'src/main.ts')
const bin = join(root, 'bin/feedloop.mjs')
const folder = mkdtempSync(join(tmpdir(), 'feedloop-run-'))
after(() => rmSync(folder, { recursive: true }))

const { KAFKA_BROKERS: _, ...environment } = process.env
const badConfig = join(folder, 'bad.yaml')
writeFileSync(badConfig, 'topics:\n  partitions: -1\nfoo: 1\n')

const cases = [
  { name: 'no brokers', args: [], env: {}, code: 'CONFIG_INVALID', says: /no brokers: set KAFKA_BROKERS/ },
  {
    name: 'a bad configuration, all of it in the line',
    args: ['--config', badConfig],
    env: {},
    code: 'CONFIG_INVALID',
    says: /topics\.partitions: .*; \(top\): .*"foo"/,
  },
  { name: 'no file', args: ['--config', join(folder, 'none.yaml')], env: {}, code: 'DATA_MISSING', says: /none\.yaml/ },
  {
    name: 'brokers that do not answer',
    args: [],
    env: { KAFKA_BROKERS: '127.0.0.1:1' },
    code: 'LOG_UNAVAILABLE',
    says: /127\.0\.0\.1:1/,
  },
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
  child.kill('SIGTERM')
  const [code, signal] = await once(child, 'exit')
  assert.deepEqual([code, signal], [0, null])
  socket.destroy()
  deaf.close()
})
