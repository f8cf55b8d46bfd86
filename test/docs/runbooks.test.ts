/** The commands that all runbooks use: told of by whom they may be run, and asking a door however it is guarded. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pino from 'pino'
import { parseConfig } from '../../src/config.ts'
import { createMeter } from '../../src/metrics.ts'
import { openOperatorDoor } from '../../src/operate/http.ts'
import { createAuthority } from '../security/certificates.ts'

const folder = fileURLToPath(new URL('../../docs/runbooks/', import.meta.url))
const readme = readFileSync(join(folder, 'README.md'), 'utf8')

test('of every command of a runbook the README says whose rights it needs', () => {
  const used = globSync('*.md', { cwd: folder })
    .filter(page => page !== 'README.md')
    .flatMap(page => [
      ...readFileSync(join(folder, page), 'utf8').matchAll(/\bfl ((?:dead-letters|topics|chain) )?([a-z]+)/g),
    ])
    .map(([, group = '', name]) => `${group}${name}`)
  assert.ok(used.length > 5)
  const told = [...readme.matchAll(/`fl ((?:[a-z-]+ )?)([a-z|]+)`/g)].flatMap(([, group, names]) =>
    names!.split('|').map(name => `${group}${name}`),
  )
  assert.deepEqual([...new Set(used)].sort(), told.sort())
})

/** `ready gate`, with the pod's process on this machine. */
async function ready(door: Record<'SCHEME' | 'PORT' | 'TOKENS', string>): Promise<string> {
  const block = /```sh\n([\s\S]*?)```/.exec(readme)![1]!
  const kubectl = 'kubectl() { while [ "$1" != -- ]; do shift; done; shift 2; "$NODE" "$@"; }'
  const set = Object.entries(door).map(([name, value]) => `${name}='${value}'`)
  const script = [block, kubectl, ...set, 'ready gate'].join('\n')
  const env = { ...process.env, NODE: process.execPath }
  return (await promisify(execFile)('bash', ['-c', script], { env })).stdout.trim()
}

test('`ready` asks a door over HTTPS and with a token, and one that asks for neither', async t => {
  const authority = createAuthority()
  const tokensFile = join(tmpdir(), `feedloop-runbooks-${process.pid}`)
  writeFileSync(tokensFile, 'a-token-of-somebody\nanother-token-of-somebody\n')
  t.after(() => {
    authority.remove()
    rmSync(tokensFile)
  })
  const open = async (http: object): Promise<string> => {
    const config = parseConfig({ http: { host: '127.0.0.1', port: 0, ...http } })
    const door = await openOperatorDoor({ config, meter: createMeter(), logger: pino({ level: 'silent' }) }, () => [
      { name: 'gate', waitingFor: () => 'models' },
    ])
    t.after(() => door.close())
    return String(door.port)
  }
  const expected = '503 {"status":"waiting","waiting":{"gate":"models"}}'
  assert.equal(await ready({ SCHEME: 'http', PORT: await open({}), TOKENS: '' }), expected)
  const PORT = await open({ tls: authority.issue('gate'), tokensFile, openProbes: false })
  assert.equal(await ready({ SCHEME: 'https', PORT, TOKENS: tokensFile }), expected)
})
