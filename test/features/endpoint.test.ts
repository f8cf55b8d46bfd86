import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { FeedloopError, isCode } from '../../src/errors.ts'
import { type EncoderInput, encodeEach } from '../../src/features/encoder.ts'
import { createEndpointEncoder, type EndpointConfig, retryAfterMs } from '../../src/features/endpoint.ts'

interface Call {
  readonly texts: string[]
  readonly headers: IncomingMessage['headers']
  readonly atMs: number
  respond(status: number, body: unknown, headers?: Record<string, string>): void
  readonly response: ServerResponse
}

let server: Server
let url: string
let calls: Call[] = []
/** Answers the n-th call, from 0; replaced by each test. */
let answer: (call: Call, n: number) => void

const embedding = (text: string): number[] => [text.length, text.charCodeAt(0) || 0, 1, 0]
const good = (call: Call) =>
  call.respond(200, { data: call.texts.map((text, index) => ({ index, embedding: embedding(text) })) })

before(async () => {
  server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const respond: Call['respond'] = (status, value, headers = {}) =>
      response.writeHead(status, headers).end(typeof value === 'string' ? value : JSON.stringify(value))
    const call = { texts: JSON.parse(body).input, headers: request.headers, atMs: Date.now(), respond, response }
    calls.push(call)
    assert.equal(`${request.method} ${request.url}`, 'POST /v1/embeddings')
    answer(call, calls.length - 1)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
})
after(() => {
  server.closeAllConnections()
  server.close()
})

const encoder = (more: Partial<EndpointConfig> = {}, dimensions = 4) => {
  calls = []
  return createEndpointEncoder({ url, model: 'm', batchSize: 3, timeoutMs: 300, retries: 2, ...more }, dimensions)
}
const inputs = (...texts: string[]): EncoderInput[] => texts.map(text => ({ id: text, text, attributes: {} }))
const direction = (vector: Float32Array | FeedloopError) => [...(vector as Float32Array)].map(x => x.toFixed(3)).join()
const expected = (text: string) => {
  const length = Math.hypot(...embedding(text))
  return embedding(text)
    .map(x => (x / length).toFixed(3))
    .join()
}

test('texts go in batches; vectors come back in order, whatever order the server answers in', async () => {
  answer = call => {
    const data = call.texts.map((text, index) => ({ index, embedding: embedding(text) }))
    call.respond(200, { data: data.reverse() })
  }
  const texts = ['a', 'bb', 'ccc', 'dddd', 'eeeee']
  const vectors = await encoder().encode(inputs(...texts))
  assert.deepEqual(
    calls.map(call => call.texts),
    [
      ['a', 'bb', 'ccc'],
      ['dddd', 'eeeee'],
    ],
  )
  assert.deepEqual(vectors.map(direction), texts.map(expected))
})

for (const [name, fail] of Object.entries<(call: Call) => void>({
  'an overload': call => call.respond(429, {}),
  'a server error': call => call.respond(500, 'oops'),
  'a gateway without a server': call => call.respond(503, ''),
  'a request timeout': call => call.respond(408, ''),
  'a hang': () => {},
  'a cut connection': call => call.response.destroy(),
  'an answer cut in the middle': call => {
    call.response.writeHead(200, { 'content-length': '1000' }).write('{"data":[')
    setTimeout(() => call.response.destroy(), 10)
  },
  'no JSON': call => call.respond(200, '<html>'),
  'other JSON': call => call.respond(200, { error: 'none' }),
  'a short list': call => call.respond(200, { data: [{ index: 0, embedding: embedding('a') }] }),
  'an index twice': call => call.respond(200, { data: [0, 0].map(index => ({ index, embedding: embedding('a') })) }),
}))
  test(`${name} is tried again, then the encoder is unavailable`, async () => {
    answer = (call, n) => (n === 0 ? fail(call) : good(call))
    assert.deepEqual((await encoder().encode(inputs('a', 'bb'))).map(direction), ['a', 'bb'].map(expected))
    assert.equal(calls.length, 2)
    answer = fail
    await assert.rejects(encoder({ retries: 1, timeoutMs: 100 }).encode(inputs('a', 'bb')), error =>
      isCode(error, 'ENCODER_UNAVAILABLE'),
    )
    assert.equal(calls.length, 2)
  })

test('nothing listens: unavailable', async () => {
  const gone = encoder({ url: 'http://127.0.0.1:9', retries: 0 })
  await assert.rejects(gone.encode(inputs('a')), error => isCode(error, 'ENCODER_UNAVAILABLE'))
})

test('Retry-After is waited for', async () => {
  answer = (call, n) => (n === 0 ? call.respond(429, '', { 'retry-after': '0.4' }) : good(call))
  await encoder().encode(inputs('a'))
  assert.ok(calls[1].atMs - calls[0].atMs >= 390, `${calls[1].atMs - calls[0].atMs} ms`)
  assert.equal(retryAfterMs('Thu, 01 Jan 1970 00:00:05 GMT', 2000), 3000)
  assert.equal(retryAfterMs('86400', 0), 30_000)
  assert.equal(retryAfterMs('soon', 0), undefined)
  assert.equal(retryAfterMs(null, 0), undefined)
})

for (const [name, refuse] of Object.entries<(call: Call) => void>({
  'HTTP 400': call => call.respond(400, { error: 'too long' }),
  'HTTP 422': call => call.respond(422, ''),
  'a NaN': call =>
    call.respond(
      200,
      `{"data":[${call.texts.map((_, index) => `{"index":${index},"embedding":[1,1,1,null]}`).join()}]}`,
    ),
  'an infinity': call =>
    call.respond(
      200,
      `{"data":[${call.texts.map((_, index) => `{"index":${index},"embedding":[1,1,1,1e999]}`).join()}]}`,
    ),
  'another number of dimensions': call =>
    call.respond(200, { data: call.texts.map((_, index) => ({ index, embedding: [1, 2] })) }),
}))
  test(`${name} is final for the one input that causes it; the others are encoded`, async () => {
    answer = call => (call.texts.includes('bad') ? refuse(call) : good(call))
    const mixed = encoder({ batchSize: 8 })
    await mixed.encode(inputs('first'))
    const results = await encodeEach(mixed, inputs('a', 'bb', 'bad', 'ccc', 'dddd'))
    assert.deepEqual(
      results.map(result => (result instanceof FeedloopError ? result.code : direction(result))),
      [expected('a'), expected('bb'), 'ENCODER_REFUSED', expected('ccc'), expected('dddd')],
    )
  })

test("a wrong key is nobody's text's fault: unavailable, and the key stands in no message", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-key-'))
  try {
    writeFileSync(join(folder, 'key'), 'sesame-1234\n')
    answer = call => call.respond(call.headers.authorization === 'Bearer sesame-1234' ? 401 : 200, {})
    const locked = encoder({ keyFile: join(folder, 'key'), retries: 0 })
    await assert.rejects(locked.encode(inputs('a')), error => {
      assert.ok(isCode(error, 'ENCODER_UNAVAILABLE'))
      assert.ok(!String(error).includes('sesame'))
      return true
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
  assert.throws(
    () => encoder({ keyFile: join(folder, 'key') }),
    error => isCode(error, 'DATA_MISSING'),
  )
})

test('vectors are projected to the dimensions that are configured', async () => {
  answer = good
  const [narrow] = await encoder({}, 2).encode(inputs('a'))
  const [wide] = await encoder({}, 6).encode(inputs('a'))
  assert.equal(narrow.length, 2)
  assert.equal(direction(wide), `${expected('a')},0.000,0.000`)
})

test('closing ends a call that hangs', async () => {
  answer = () => {}
  const hanging = encoder({ timeoutMs: 60_000, retries: 9 })
  const call = hanging.encode(inputs('a'))
  await new Promise(resolve => setTimeout(resolve, 50))
  await hanging.close!()
  await assert.rejects(call, error => isCode(error, 'ENCODER_UNAVAILABLE'))
})
