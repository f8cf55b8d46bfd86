/** `feedloop replay` as a script meets it: its exit code and what it prints, against a real Kafka. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'feedloop-replay-'))
after(() => rmSync(folder, { recursive: true }))
const path = (name: string) => join(folder, name)
const put = (name: string, content: string) => writeFileSync(path(name), content)

const main = join(import.meta.dirname, '../../src/main.ts')
const env = { ...process.env, FEEDLOOP_TOPIC_PREFIX: `replay-${randomBytes(4).toString('hex')}.` }

/** Runs a command; sends it a signal as soon as stderr matches `until`. */
async function feedloop(args: readonly string[], until?: RegExp) {
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let shown = ''
  child.stderr.setEncoding('utf8').on('data', chunk => {
    const before = until?.test(shown)
    shown += chunk
    if (!before && until?.test(shown)) child.kill('SIGTERM')
  })
  const [stdout] = await Promise.all([text(child.stdout), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr: shown }
}
const replay = (rows: string, more: readonly string[] = [], until?: RegExp) => {
  const files = ['--data', path(rows), '--mapping', path('mapping.yaml'), '--state', path(`${rows}.state`)]
  return feedloop(['replay', ...files, ...more], until)
}

before(async () => {
  put(
    'mapping.yaml',
    'outputs: [{ to: events, fields: { event_id: { origin: true }, user_id: { path: u }, type: { constant: click }, time_ms: { path: at } } }]',
  )
  put('good.csv', 'u,at\na,1\nb,2\n')
  put('refused.csv', 'who,at\na,1\nb,2\n')
  put('slow.csv', 'u,at\na,1\nb,3600001\n')
  const { code, stderr } = await feedloop(['topics', 'apply'])
  assert.equal(code, 0, stderr)
})

test('all went in: 0', async () => {
  const { code, stdout } = await replay('good.csv')
  assert.deepEqual([code, stdout], [0, '2 rows, 2 records, 0 refused\n'])
  const again = await replay('good.csv')
  assert.deepEqual([again.code, again.stdout], [0, '2 rows, 2 records, 0 refused: 0 sent, 2 already sent\n'])
})

test('every row refused: 1, and why', async () => {
  const { code, stdout } = await replay('refused.csv')
  assert.equal(code, 1)
  assert.match(stdout, /^2 rows, 0 records, 2 refused\n {2}refused\.csv\/0: FIELD_MISSING/)
})

test('a mapping that is wrong: its problems alone, and 1', async () => {
  put('mapping-bad.yaml', 'outputs: [{ to: events, fields: {} }]')
  const { code, stdout, stderr } = await feedloop([
    'replay',
    '--data',
    path('good.csv'),
    '--mapping',
    path('mapping-bad.yaml'),
  ])
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^MAPPING_INVALID: \n( {2}outputs\[0\].*\n)+$/)
})

test('interrupted: 1, and how far it came', async () => {
  const { code, stdout } = await replay('slow.csv', ['--speed', '1'], /1 rows, 1 records/)
  assert.equal(code, 1)
  assert.match(stdout, /^1 rows, 1 records, 0 refused; not finished\n$/)
})
