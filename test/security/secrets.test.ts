/**
 * Secrets in every place where the configuration takes them, and everything that is printed looked through for them: logs of
 * all levels, `config check` and `print`, answers of both doors, and errors about files that hold the wrong thing.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { loadConfig } from '../../src/config.ts'
import { configJsonSchema, type JsonSchema } from '../../tools/docs.ts'
import { createAuthority, type Pair } from './certificates.ts'

const folder = mkdtempSync(join(tmpdir(), 'feedloop-secrets-'))
const authority = createAuthority()
after(() => {
  authority.remove()
  rmSync(folder, { recursive: true })
})
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** What must never be seen. */
const secrets: string[] = []
let made = 0
const remember = (text: string): string => {
  secrets.push(text)
  return text
}
const file = (content: string): string => {
  const path = join(folder, `file-${made++}`)
  writeFileSync(path, `${content}\n`)
  return path
}
const secretFile = (): string => file(remember(`sesame-${made}-${'x'.repeat(20)}`))

/** A pair whose key is locked by a password; of a key it is the first line of its body that is looked for. */
function lockedPair(name: string): Pair & { keyPasswordFile: string } {
  const { certFile, keyFile } = authority.issue(name)
  const password = `sesame-of-${name}-key`
  const locked = `${keyFile}.locked`
  execFileSync('openssl', ['pkey', '-in', keyFile, '-aes256', '-passout', `pass:${password}`, '-out', locked])
  remember(readFileSync(keyFile, 'utf8').split('\n')[1])
  remember(readFileSync(locked, 'utf8').split('\n')[1])
  return { certFile, keyFile: locked, keyPasswordFile: file(remember(password)) }
}

const doorToken = remember('sesame-of-callers-0123456789')
const client = { caFile: authority.caFile, ...lockedPair('client') }
const door = { tls: { ...lockedPair('door'), clientCaFile: authority.caFile }, tokensFile: file(doorToken) }
const base = {
  kafka: { brokers: ['127.0.0.1:1'], tls: client },
  registry: { url: 'https://127.0.0.1:1', tls: client },
  features: { encoder: 'endpoint', endpoint: { url: 'http://127.0.0.1:1', keyFile: secretFile() } },
  http: { host: '127.0.0.1', port: 0, ...door },
  gateway: { host: '127.0.0.1', port: 0, ...door },
  tracing: { endpoint: 'http://127.0.0.1:1/v1/traces', tokenFile: secretFile() },
  log: { level: 'trace' },
}
/** Together they use every key that names a file of secrets. */
const variants = [
  {
    sasl: { mechanism: 'scram-sha-512', username: 'ann', passwordFile: secretFile() },
    registry: { username: 'ann', passwordFile: secretFile() },
  },
  { sasl: { mechanism: 'oauthbearer', tokenFile: secretFile() }, registry: { tokenFile: secretFile() } },
  {
    sasl: { mechanism: 'oauthbearer', tokenUrl: 'http://127.0.0.1:1', clientId: 'me', clientSecretFile: secretFile() },
    registry: {},
  },
].map(({ sasl, registry }) => ({
  ...base,
  kafka: { ...base.kafka, sasl },
  registry: { ...base.registry, ...registry },
}))

/** Paths of all keys that name a file. */
function filesIn(schema: JsonSchema, path = ''): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
    filesIn(child, path === '' ? name : `${path}.${name}`),
  )
  const choices = (schema.anyOf ?? schema.oneOf ?? []).flatMap(each => filesIn(each, path))
  return [...(/File$/.test(path) ? [path] : []), ...own, ...choices]
}
const valueAt = (value: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], value)

const clean = (text: string): void => {
  for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${text.slice(0, 2000)}`)
}
const configFile = (config: object): string => file(stringify(config))
const command = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })

test('every file of secrets that the configuration knows is in this test', () => {
  const known = filesIn(configJsonSchema())
  assert.ok(known.length > 15)
  for (const path of known)
    assert.ok(
      variants.some(each => typeof valueAt(each, path) === 'string'),
      `${path} is not`,
    )
})

test('`config check` and `print` show names of files only', () => {
  for (const variant of variants) {
    const path = configFile(variant)
    const check = command('config', 'check', '--config', path)
    assert.equal(check.status, 0, check.stderr)
    const print = command('config', 'print', '--config', path)
    assert.match(print.stdout, /tokensFile: /)
    for (const { stdout, stderr } of [check, print]) clean(stdout + stderr)
  }
})

test('a secret in the wrong place is refused by name, and not repeated', () => {
  const secret = remember('sesame-in-the-wrong-place')
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ kafka: { sasl: { mechanism: 'plain', username: 'ann', password: secret } } }, /kafka\.sasl: .*password/],
    [{ kafka: { brokers: [`sasl_ssl://ann:${secret}@127.0.0.1:1`] } }, /kafka\.brokers\.0: must be host:port/],
    [{ registry: { url: `https://ann:${secret}@127.0.0.1` } }, /registry\.url: holds a password/],
    [{ gateway: { rankers: [`http://ann:${secret}@127.0.0.1`] } }, /gateway\.rankers\.0: holds a password/],
    [{ features: { endpoint: { url: `http://${secret}@127.0.0.1` } } }, /features\.endpoint\.url: holds a password/],
    [{ http: { token: secret } }, /http: .*token/],
    [{ kafka: { sasl: { mechanism: secret, username: 'ann', passwordFile: 'x' } } }, /kafka\.sasl\.mechanism/],
  ]
  for (const [config, says] of wrong)
    assert.throws(
      () => loadConfig(configFile(config), {}),
      (error: Error) => {
        assert.match(error.message, says)
        clean(error.stack!)
        return true
      },
    )
  const url = `http://ann:${secret}@127.0.0.1`
  for (const [over, ...args] of [
    [{ FEEDLOOP_REGISTRY_URL: url }, 'config', 'check'],
    [{ KAFKA_BROKERS: url }, 'config', 'check'],
    // Takes them past the configuration.
    [{ KAFKA_BROKERS: `127.0.0.1:1,${url}:1` }, 'broker', 'start'],
  ] as const) {
    const env = { ...process.env, ...over }
    const { status, stderr, stdout } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', env })
    assert.equal(status, 1)
    assert.match(stderr, /CONFIG_INVALID/)
    clean(stderr + stdout)
  }
})

test('a file that holds the wrong thing ends the service with a line that does not quote it', () => {
  const secret = remember(`sesame ${'short '.repeat(3)}`.trim())
  for (const [config, says] of [
    [{ ...base, http: { ...base.http, tokensFile: file(secret) } }, /^CONFIG_INVALID: http\.tokensFile: /],
    [{ ...base, http: { ...base.http, tls: { ...door.tls, keyFile: file(secret) } } }, /^CONFIG_INVALID: http\.tls: /],
    [
      { ...base, http: { ...base.http, tls: { ...door.tls, keyPasswordFile: file(secret) } } },
      /^CONFIG_INVALID: http\.tls: /,
    ],
    [{ ...base, kafka: { ...base.kafka, tls: { ...client, keyFile: file(secret) } } }, /^CONFIG_INVALID: kafka\.tls: /],
    [{ ...base, http: { ...base.http, tokensFile: file('') } }, /^SECRET_MISSING: http\.tokensFile: .* is empty/],
  ] as const) {
    const { status, stderr, stdout } = command('run', 'gate', '--config', configFile(config))
    const last = stderr.trimEnd().split('\n').at(-1)!
    assert.equal(status, 1, stderr)
    assert.match(JSON.parse(last).msg, says)
    clean(stderr + stdout)
  }
})

/** What an HTTPS door answers, head and body. */
function ask(port: number, path: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port, path, headers, ca: readFileSync(authority.caFile), agent: false },
      response => {
        let text = JSON.stringify(response.headers)
        response.on('data', chunk => (text += chunk))
        response.on('end', () => resolve(text))
      },
    )
    call.on('error', reject)
    call.end()
  })
}

for (const [n, variant] of variants.entries())
  test(`all stages at log level trace, asked at both doors: nothing of it is said (${n + 1} of ${variants.length})`, async () => {
    const child = spawn(process.execPath, [main, 'run', 'all', '--config', configFile(variant)])
    let text = ''
    let look = (): void => {}
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', chunk => {
        text += chunk
        look()
      })
    const ended = new Promise(resolve => child.on('close', resolve))
    const said = (pattern: RegExp): Promise<RegExpExecArray> =>
      new Promise((resolve, reject) => {
        look = () => {
          const found = pattern.exec(text)
          if (found) resolve(found)
        }
        ended.then(() => reject(new Error(text)))
        look()
      })
    try {
      const operator = Number((await said(/"port":(\d+)/))[1])
      const gateway = Number((await said(/"gatewayPort":(\d+)/))[1])
      // A first try has failed by then, with all that the login took.
      await said(/trying again/)
      for (const headers of [{ authorization: `Bearer ${doorToken}` }, { authorization: `Bearer ${doorToken}x` }, {}])
        for (const [port, path] of [
          [operator, '/readyz'],
          [operator, '/metrics'],
          [operator, '/v1/users/ann/state'],
          [gateway, '/v1/users/ann/state'],
          [gateway, '/openapi.json'],
        ] as const)
          clean(await ask(port, path, headers as Record<string, string>))
    } finally {
      child.kill('SIGTERM')
      await ended
    }
    assert.match(text, /"level":20/, 'fine lines are there to be looked through')
    clean(text)
  })
