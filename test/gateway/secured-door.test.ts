/** Who may come in at the doors, how much, how large and how slowly: each refusal with its code. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import { pino } from 'pino'
import { type Config, type ConfigInput, parseConfig } from '../../src/config.ts'
import { createClient, type FeedloopProblem } from '../../src/gateway/client.ts'
import { createAllowance } from '../../src/gateway/door/allowance.ts'
import { createGuard } from '../../src/gateway/door/guard.ts'
import { openTokens } from '../../src/gateway/door/tokens.ts'
import { openDoor } from '../../src/gateway/http.ts'
import { createLook } from '../../src/gateway/state.ts'
import { createMeter } from '../../src/metrics.ts'
import { openOperatorDoor } from '../../src/operate/http.ts'
import { createAuthority, type Pair } from '../security/certificates.ts'
import { openWorld, urlOf, wish } from './world.ts'

const silent = pino({ level: 'silent' })
const folder = mkdtempSync(join(tmpdir(), 'feedloop-door-'))
const authority = createAuthority()
const stranger = createAuthority('stranger')
after(() => {
  rmSync(folder, { recursive: true })
  authority.remove()
  stranger.remove()
})
const written = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const token = 'a-token-of-a-caller'
const another = 'a-token-of-another'
const tokensFile = written('tokens', `${token}\n${another}\n`)
const bearer = (text: string) => ({ authorization: `Bearer ${text}` })

const endpoints = [
  ['POST', '/v1/recommendations'],
  ['POST', '/v1/events'],
  ['POST', '/v1/items'],
  ['DELETE', '/v1/items/a'],
  ['GET', '/v1/users/ann/state'],
  ['GET', '/openapi.json'],
  ['GET', '/nowhere'],
  ['GET', '/v1/users/%zz/state'],
] as const
const operatorEndpoints = ['/metrics', '/v1/users/ann/state', '/nowhere', '/v1/users/%zz/state']

async function gatewayDoor(t: TestContext, gateway: ConfigInput['gateway']): Promise<{ url: string; port: number }> {
  const config = parseConfig({ gateway: { host: '127.0.0.1', port: 0, ...gateway } })
  const door = await openDoor({ config, meter: createMeter(), logger: silent, now: Date.now })
  t.after(() => door.close())
  return { url: `http://127.0.0.1:${door.port}`, port: door.port }
}

async function operatorDoor(t: TestContext, http: ConfigInput['http']): Promise<{ url: string; port: number }> {
  const config = parseConfig({ http: { host: '127.0.0.1', port: 0, ...http } })
  const door = await openOperatorDoor({ config, meter: createMeter(), logger: silent }, () => [
    { name: 'x', waitingFor: () => 'a secret place' },
  ])
  t.after(() => door.close())
  return { url: `http://127.0.0.1:${door.port}`, port: door.port }
}

async function refusal(
  url: string,
  init: RequestInit = {},
): Promise<{ status: number; code: string; headers: Headers; text: string }> {
  const response = await fetch(url, init)
  const text = await response.text()
  return { status: response.status, code: JSON.parse(text).code, headers: response.headers, text }
}

test('without a token nothing at the gateway answers, not even that there is no such path', async t => {
  const { url } = await gatewayDoor(t, { tokensFile })
  for (const [method, path] of endpoints)
    for (const headers of [{}, bearer('a-token-of-a-calleR'), bearer(''), { authorization: `Basic ${token}` }]) {
      const refused = await refusal(url + path, { method, headers })
      assert.deepEqual([refused.status, refused.code], [401, 'HTTP_UNAUTHENTICATED'], `${method} ${path}`)
      assert.equal(refused.headers.get('www-authenticate'), 'Bearer')
      assert.ok(!refused.text.includes('a-token'))
    }
  for (const each of [token, another]) {
    const { code } = await refusal(`${url}/v1/items/a`, { method: 'DELETE', headers: bearer(each) })
    assert.equal(code, 'GATEWAY_NOT_READY')
  }
})

test('without a token the operator door says of probes their status only, of the rest nothing', async t => {
  const { url } = await operatorDoor(t, { tokensFile })
  for (const path of operatorEndpoints) {
    assert.equal((await refusal(url + path)).code, 'HTTP_UNAUTHENTICATED', path)
    assert.notEqual((await fetch(url + path, { headers: bearer(token) })).status, 401, path)
  }
  assert.equal((await fetch(`${url}/livez`)).status, 200)
  const probe = await fetch(`${url}/readyz`)
  assert.deepEqual([probe.status, await probe.json()], [503, { status: 'waiting' }])
  const known = await fetch(`${url}/readyz`, { headers: bearer(token) })
  assert.deepEqual(await known.json(), { status: 'waiting', waiting: { x: 'a secret place' } })
  const closed = await operatorDoor(t, { tokensFile, openProbes: false })
  for (const path of ['/livez', '/readyz', ...operatorEndpoints])
    assert.equal((await refusal(closed.url + path)).code, 'HTTP_UNAUTHENTICATED', path)
})

test('a certificate by the authority of callers lets in, another one or none does not', async t => {
  const own = authority.issue('door')
  const { port } = await gatewayDoor(t, { tls: { ...own, clientCaFile: authority.caFile }, tokensFile })
  const call = async (options: object) => {
    const sent = request({
      host: '127.0.0.1',
      port,
      path: '/nowhere',
      ca: readFileSync(authority.caFile),
      agent: false,
      ...options,
    })
    sent.end()
    const [response] = await once(sent, 'response')
    response.resume()
    return response.statusCode
  }
  const pair = ({ certFile, keyFile }: { certFile: string; keyFile: string }) => ({
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
  })
  assert.equal(await call(pair(authority.issue('caller'))), 404)
  assert.equal(await call({ headers: bearer(token) }), 404)
  assert.equal(await call({}), 401)
  assert.equal(await call(pair(stranger.issue('caller'))), 401)
  assert.equal(await call(pair(authority.issue('late', -1))), 401)
  await assert.rejects(call({ ca: readFileSync(stranger.caFile) }))
})

test('a resumed session is as good as the certificate that it began with, and none without one', async t => {
  const { port } = await gatewayDoor(t, { tls: { ...authority.issue('resumed'), clientCaFile: authority.caFile } })
  const ca = readFileSync(authority.caFile)
  /** @returns the status, whether the session was resumed, and the session for the next call */
  const call = async (options: object) => {
    const sent = request({ host: '127.0.0.1', port, path: '/nowhere', ca, agent: false, ...options })
    sent.end()
    const [socket] = (await once(sent, 'socket')) as [TLSSocket]
    let session: Buffer | undefined
    socket.on('session', ticket => (session = ticket))
    const [response] = await once(sent, 'response')
    response.resume()
    return { status: response.statusCode, resumed: socket.isSessionReused(), session }
  }
  const { certFile, keyFile } = authority.issue('resumer')
  const own = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
  for (const [options, status] of [
    [own, 404],
    [{}, 401],
  ] as const) {
    const first = await call(options)
    const again = await call({ ...options, session: first.session })
    assert.deepEqual([first.status, first.resumed, again.status, again.resumed], [status, false, status, true])
  }
})

test('what Node 20 says of a resumed session, authorized without a certificate, lets nobody in', () => {
  const guard = createGuard(
    { tls: { ...authority.issue('guard'), clientCaFile: authority.caFile } },
    'gateway',
    Date.now,
    silent,
  )
  const knows = (certificate: object) =>
    guard.knows({
      headers: {},
      raw: { socket: { authorized: true, getPeerCertificate: () => certificate } },
    } as unknown as FastifyRequest)
  assert.deepEqual([knows({}), knows({ fingerprint256: 'AB:CD' })], [false, true])
})

test('a caller beyond its rate is told when to come again; others are not held up by it', async t => {
  const { url } = await gatewayDoor(t, { tokensFile, rate: { perSecond: 0.01, burst: 3 } })
  const codes = async (headers: Record<string, string>, count: number) => {
    const all: string[] = []
    for (let n = 0; n < count; n++) all.push((await refusal(`${url}/nowhere`, { headers })).code)
    return all
  }
  const spent = ['HTTP_NOT_FOUND', 'HTTP_NOT_FOUND', 'HTTP_NOT_FOUND', 'HTTP_RATE_LIMITED']
  assert.deepEqual(await codes(bearer(token), 4), spent)
  assert.deepEqual(await codes(bearer(another), 4), spent)
  assert.deepEqual(await codes(bearer('a-guess-of-somebody'), 4), [
    ...Array(3).fill('HTTP_UNAUTHENTICATED'),
    'HTTP_RATE_LIMITED',
  ])
  const none = await refusal(`${url}/v1/users/%zz/state`, { headers: bearer(token) })
  assert.equal(none.code, 'HTTP_RATE_LIMITED', 'a path that is none counts too')
  const refused = await refusal(`${url}/nowhere`, { headers: bearer(token) })
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '1'])
})

test('a bucket fills with time, up to the burst, and the callers that came last are remembered', () => {
  let nowMs = 0
  const allowed = createAllowance({ perSecond: 2, burst: 2 }, () => nowMs, 2)
  assert.deepEqual(
    [1, 2, 3].map(() => allowed('a')),
    [true, true, false],
  )
  nowMs += 500
  assert.deepEqual([allowed('a'), allowed('a')], [true, false])
  nowMs += 1e9
  assert.deepEqual(
    [1, 2, 3].map(() => allowed('a')),
    [true, true, false],
  )
  nowMs -= 5000
  assert.equal(allowed('a'), false, 'a clock that goes back gives nothing')
  allowed('b')
  allowed('c')
  assert.equal(allowed('a'), true, 'forgotten')
})

/** What is said of files that are read again: level and text. */
function listener() {
  const lines: { level: number; code?: string; msg: string }[] = []
  const logger = pino({ base: null, timestamp: false }, { write: line => void lines.push(JSON.parse(line)) })
  /** The codes of warnings, and `again`, since they were asked for last. */
  const said = () => lines.splice(0).map(({ level, code, msg }) => (level === 40 ? code : /again/.exec(msg)?.[0]))
  return { logger, said }
}

test('tokens change with their file; one that is gone, or half written, shuts nobody out, and is told of', () => {
  let nowMs = 0
  const file = written('changing', 'first-token-of-all-0\n')
  const { logger, said } = listener()
  const tokens = openTokens(file, 'gateway.tokensFile', () => nowMs, logger)
  assert.equal(tokens.indexIn('Bearer first-token-of-all-0'), 0)
  written('changing', 'next-token-of-all-00\n')
  assert.equal(tokens.indexIn('bearer first-token-of-all-0'), 0)
  nowMs += 10_000
  assert.equal(tokens.indexIn('Bearer first-token-of-all-0'), -1)
  assert.equal(tokens.indexIn('Bearer next-token-of-all-00'), 0)
  assert.deepEqual(said(), [])
  const revoke = [
    [() => written('changing', 'short'), ['CONFIG_INVALID']],
    [() => {}, []],
    [() => written('changing', ''), ['SECRET_MISSING']],
    [() => rmSync(file), ['SECRET_MISSING']],
    [() => {}, []],
  ] as const
  for (const [change, codes] of revoke) {
    change()
    nowMs += 10_000
    assert.equal(tokens.indexIn('Bearer next-token-of-all-00'), 0)
    assert.deepEqual(said(), codes)
  }
  written('changing', 'last-token-of-all-00')
  nowMs += 10_000
  assert.equal(tokens.indexIn('Bearer next-token-of-all-00'), -1)
  assert.deepEqual(said(), ['again'])
  written('changing', 'short')
  assert.throws(() => openTokens(file, 'x', () => nowMs, silent), /CONFIG_INVALID: x: a token has fewer than 16/)
  assert.throws(() => openTokens(join(folder, 'none'), 'x', () => nowMs, silent), /SECRET_MISSING: x/)
})

/** What comes back on a connection that sends these pieces, and nothing after them. */
async function answerTo(port: number, pieces: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8')
  socket.on('data', chunk => (answer += chunk))
  // who is cut off while it still sends may hear a reset after the answer
  socket.on('error', () => {})
  for (const piece of pieces) socket.write(piece)
  await once(socket, 'close')
  return answer
}

const head = 'POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n'
const slow: readonly (readonly [what: string, pieces: readonly string[], status: number, code: string])[] = [
  ['a head that never ends', [head], 408, 'HTTP_TIMEOUT'],
  ['a head that is too large', [`${head}x: ${'x'.repeat(20_000)}\r\n\r\n`], 431, 'HTTP_HEADERS_TOO_LARGE'],
  ['what is no HTTP', ['\x16\x03\x01\x02\x00\x01\r\n\r\n'], 400, 'HTTP_MALFORMED'],
  ['two lengths', [`${head}content-length: 1\r\ncontent-length: 2\r\n\r\n`], 400, 'HTTP_MALFORMED'],
  ['a length and chunks', [`${head}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n`], 400, 'HTTP_MALFORMED'],
]
for (const [what, pieces, status, code] of slow)
  test(`${what}: ${code}, at both doors`, async t => {
    const times = { headersMs: 200, bodyMs: 200 }
    for (const { port } of [await gatewayDoor(t, times), await operatorDoor(t, times)]) {
      const answer = await answerTo(port, pieces)
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
      assert.equal(JSON.parse(answer.split('\r\n\r\n')[1]).code, code)
    }
  })

test('a body that never ends is cut off, and an idle connection too', async t => {
  const door = await operatorDoor(t, { headersMs: 200, bodyMs: 300, idleMs: 200 })
  assert.match(
    await answerTo(door.port, ['GET /livez HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{']),
    /^HTTP\/1.1 (200|408) /,
  )
  assert.match(await answerTo(door.port, ['GET /livez HTTP/1.1\r\nhost: a\r\n\r\n']), /alive/)
  const posted = await refusal(`${door.url}/metrics`, { method: 'POST', body: 'x'.repeat(2000) })
  assert.equal(posted.code, 'HTTP_BODY_TOO_LARGE')
})

test("a door's pair that is half replaced, or gone, leaves the one before, and is told of once", async t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const [first, next] = [authority.issue('served'), authority.issue('served-renewed')]
  const files = { certFile: written('served.pem', ''), keyFile: written('served.key', '') }
  copyFileSync(first.certFile, files.certFile)
  copyFileSync(first.keyFile, files.keyFile)
  const { logger, said } = listener()
  const config = parseConfig({ http: { host: '127.0.0.1', port: 0, tls: files } })
  const door = await openOperatorDoor({ config, meter: createMeter(), logger }, () => [])
  t.after(() => door.close())
  const shown = async () => {
    t.mock.timers.tick(60_000)
    const socket = connectTls({ host: '127.0.0.1', port: door.port, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { CN } = socket.getPeerCertificate().subject
    socket.destroy()
    return [CN, said()]
  }
  assert.deepEqual(await shown(), ['served', []])
  copyFileSync(next.keyFile, files.keyFile)
  assert.deepEqual(await shown(), ['served', ['CONFIG_INVALID']])
  assert.deepEqual(await shown(), ['served', []])
  rmSync(files.certFile)
  assert.deepEqual(await shown(), ['served', ['SECRET_MISSING']])
  copyFileSync(next.certFile, files.certFile)
  assert.deepEqual(await shown(), ['served-renewed', ['again']])
})

test('a pair that is half replaced asks the rankers with the one before, a whole one with itself', async t => {
  const [first, next] = [authority.issue('asker'), authority.issue('asker-renewed')]
  const pair = ({ certFile, keyFile }: Pair) => ({ cert: readFileSync(certFile), key: readFileSync(keyFile) })
  const shown: string[] = []
  const ca = readFileSync(authority.caFile)
  const ranker = createServer({ ...pair(first), ca, requestCert: true }, ({ socket }, response) => {
    shown.push((socket as TLSSocket).getPeerCertificate().subject.CN as string)
    response.end(JSON.stringify({ user_id: 'ann' }))
  }).listen(0, '127.0.0.1')
  await once(ranker, 'listening')
  t.after(() => {
    ranker.closeAllConnections()
    ranker.close()
  })
  const files = { certFile: written('asker.pem', ''), keyFile: written('asker.key', '') }
  copyFileSync(first.certFile, files.certFile)
  copyFileSync(first.keyFile, files.keyFile)
  const { gateway, http } = parseConfig({
    gateway: { rankers: [`https://localhost:${(ranker.address() as AddressInfo).port}`] },
    http: { tls: { ...files, clientCaFile: authority.caFile } },
  })
  let nowMs = 0
  const { logger, said } = listener()
  const look = createLook({ gateway, http }, () => nowMs, logger)
  const ask = async () => {
    nowMs += 60_001
    await look('ann', AbortSignal.timeout(5000))
  }
  await ask()
  copyFileSync(next.keyFile, files.keyFile)
  await ask()
  assert.deepEqual(said(), ['CONFIG_INVALID'])
  copyFileSync(next.certFile, files.certFile)
  await ask()
  assert.deepEqual(said(), ['again'])
  assert.deepEqual(shown, ['asker', 'asker', 'asker-renewed'])
})

test('the loop behind locked doors: the client, and the gateway at the doors of the rankers, over TLS', {
  timeout: 120_000,
}, async t => {
  const world = await openWorld(t, { gateway: { timeoutMs: 10_000 } })
  const own = authority.issue('ranker')
  for (const tls of [{ ...own, clientCaFile: authority.caFile }, own])
    for (const host of ['localhost', '127.0.0.1']) {
      const config = parseConfig({ http: { host: '127.0.0.1', port: 0, tls, tokensFile } })
      const ranker = await openOperatorDoor({ config, meter: createMeter(), logger: silent }, world.services)
      t.after(() => ranker.close())
      const gatewayTo = (http: Config['http']) =>
        world.another(context => {
          const rankers = [`https://${host}:${ranker.port}`]
          const gateway = { ...context.config.gateway, tokensFile, rankers }
          return { ...context, config: { ...context.config, http, gateway } }
        })
      const url = urlOf(await gatewayTo(config.http))
      const client = createClient({ url, token, timeoutMs: 10_000 })
      const user = `user of ${host}`
      assert.ok((await client.recommend({ ...wish(), user_id: user })).logged)
      await world.settled()
      assert.equal((await client.state(user))!.user_id, user)
      const refused = await createClient({ url })
        .state(user)
        .catch((error: FeedloopProblem) => error.code)
      assert.equal(refused, 'HTTP_UNAUTHENTICATED')
      // One that trusts another authority takes the ranker for nobody's.
      const wary = { ...config.http, tls: { ...own, clientCaFile: stranger.caFile } }
      const elsewhere = await refusal(`${urlOf(await gatewayTo(wary))}/v1/users/a/state`, { headers: bearer(token) })
      assert.equal(elsewhere.code, 'USER_ELSEWHERE')
      assert.match(elsewhere.text, /certificate/)
    }
})
