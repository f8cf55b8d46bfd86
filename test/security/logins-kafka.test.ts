/** Logins at a real broker: each way in works, and what is wrong with one ends the command with one clear line that holds no secret. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { passwordOf, type SecuredBroker, startSecuredBroker } from './broker.ts'

const folder = mkdtempSync(join(tmpdir(), 'feedloop-logins-'))
const written = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
let broker: SecuredBroker
before(async () => {
  broker = await startSecuredBroker(['ann'])
  await broker.grant('ann', [
    { resource: 'topic', name: 'feedloop.', pattern: 'prefix', operations: ['Create', 'Describe', 'DescribeConfigs'] },
  ])
})
after(async () => {
  await broker.stop()
  rmSync(folder, { recursive: true })
})

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** Runs a command with this `kafka` section, and everything that it prints. */
async function feedloop(command: string, kafka: object): Promise<{ code: number; lines: string[]; text: string }> {
  const config = written(
    'feedloop.yaml',
    stringify({ kafka, http: { host: '127.0.0.1', port: 0 }, log: { level: 'trace' } }),
  )
  const { KAFKA_BROKERS: _, ...env } = process.env
  const child = spawn(process.execPath, [main, ...command.split(' '), '--config', config], { env, timeout: 30_000 })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += chunk))
  const code = await new Promise<number>(resolve => child.on('close', resolve))
  const lines = text.split('\n').filter(line => line !== '' && !/"level":([1-4]0)/.test(line))
  return { code, lines, text }
}

/** A token without a signature, which only the test's broker takes. */
function tokenOf(sub: string, lifeSeconds = 600): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  return `${part({ alg: 'none' })}.${part({ sub, iat: now - 1, exp: now + lifeSeconds })}.`
}

const secret = passwordOf('ann')
const user = (mechanism: string, password = secret) => ({
  mechanism,
  username: 'ann',
  passwordFile: written('password', `${password}\n`),
})
const trusting = () => ({ caFile: broker.authority.caFile })

for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'])
  test(`${mechanism} over TLS; the password is in nothing that is printed`, async () => {
    const { code, lines, text } = await feedloop('topics apply', {
      brokers: [broker.secure],
      tls: trusting(),
      sasl: user(mechanism),
    })
    // the first of them makes the topics, and says so
    assert.deepEqual(
      [code, lines.filter(line => !line.startsWith('made '))],
      [0, ['all topics are as they must be']],
      text,
    )
    assert.ok(!text.includes(secret))
  })

test('oauthbearer: a token of a file, and one by client credentials', async () => {
  const token = tokenOf('ann')
  const asked: unknown[] = []
  const issuer = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    asked.push([request.headers.authorization, Buffer.concat(chunks).toString()])
    const good = request.headers.authorization === `Basic ${Buffer.from('me:a%20secret').toString('base64')}`
    response
      .writeHead(good ? 200 : 401)
      .end(JSON.stringify(good ? { access_token: token } : { error: 'invalid_client' }))
  })
  await new Promise<void>(resolve => issuer.listen(0, '127.0.0.1', resolve))
  try {
    const tokenUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/token`
    const byClient = (content: string) => ({
      mechanism: 'oauthbearer',
      tokenUrl,
      clientId: 'me',
      clientSecretFile: written('client', content),
      scope: 'kafka',
    })
    const byFile = (content: string) => ({ mechanism: 'oauthbearer', tokenFile: written('token', content) })
    for (const sasl of [() => byFile(token), () => byClient('a secret')]) {
      const { code, text } = await feedloop('topics apply', { brokers: [broker.secure], tls: trusting(), sasl: sasl() })
      assert.equal(code, 0, text)
      assert.ok(!text.includes(token))
    }
    assert.equal((asked[0] as string[])[1], 'grant_type=client_credentials&scope=kafka')
    for (const [sasl, says] of [
      [() => byFile(tokenOf('ann', -60)), /OAUTHBEARER/],
      [() => byClient('no secret'), /HTTP 401: invalid_client/],
    ] as const) {
      const { code, lines } = await feedloop('topics check', {
        brokers: [broker.secure],
        tls: trusting(),
        sasl: sasl(),
      })
      assert.deepEqual([code, lines.length], [1, 1], lines.join('\n'))
      assert.match(lines[0], /^LOG_LOGIN_REFUSED: /)
      assert.match(lines[0], says)
    }
  } finally {
    issuer.closeAllConnections()
    issuer.close()
  }
})

test('a client certificate', async () => {
  const pair = broker.authority.issue('ann')
  const { code, text } = await feedloop('topics apply', { brokers: [broker.mutual], tls: { ...trusting(), ...pair } })
  assert.equal(code, 0, text)
})

const wrong: readonly (readonly [what: string, kafka: () => object, code: string, says: RegExp])[] = [
  [
    'a wrong password',
    () => ({ brokers: [broker.secure], tls: trusting(), sasl: user('scram-sha-512', 'no-password-of-ann') }),
    'LOG_LOGIN_REFUSED',
    /SCRAM/,
  ],
  [
    'a wrong plain password',
    () => ({ brokers: [broker.secure], tls: trusting(), sasl: user('plain', 'no-password-of-ann') }),
    'LOG_LOGIN_REFUSED',
    /PLAIN/,
  ],
  [
    'a certificate that is over',
    () => ({ brokers: [broker.expired], tls: trusting() }),
    'LOG_UNTRUSTED',
    /certificate has expired/,
  ],
  [
    'an authority that is not trusted',
    () => ({ brokers: [broker.untrusted], tls: trusting() }),
    'LOG_UNTRUSTED',
    /self.signed certificate|unable to/,
  ],
  [
    'an authority that Node does not know',
    () => ({ brokers: [broker.secure], ssl: true, sasl: user('plain') }),
    'LOG_UNTRUSTED',
    /certificate/,
  ],
  ['no client certificate', () => ({ brokers: [broker.mutual], tls: trusting() }), 'LOG_UNTRUSTED', /certificate/i],
]
for (const [what, kafka, code, says] of wrong)
  for (const command of ['topics check', 'run ranker'])
    test(`${what}: \`${command}\` ends with one line`, async () => {
      const ended = await feedloop(command, kafka())
      assert.deepEqual([ended.code, ended.lines.length], [1, 1], ended.text)
      const line = ended.lines[0].startsWith('{') ? JSON.parse(ended.lines[0]).msg : ended.lines[0]
      assert.match(line, new RegExp(`^${code}: `))
      assert.match(line, says)
      assert.ok(!ended.text.includes('no-password-of-ann') && !ended.text.includes(secret))
    })
