import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { FeedloopError, isCode } from '../../src/errors.ts'
import { type EncoderInput, encodeEach } from '../../src/features/encoder.ts'
import { createEndpointEncoder } from '../../src/features/endpoint.ts'
import { type EndpointConfig, retryAfterMs } from '../../src/features/endpoint-call.ts'

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

/** Of a model that is known to have 4 dimensions: with `dimensions: undefined` it asks. */
const encoder = (more: Partial<EndpointConfig> = {}, dimensions = 4) => {
  calls = []
  const config = { url, model: 'm', dimensions: 4, batchSize: 3, timeoutMs: 300, retries: 2, ...more }
  return createEndpointEncoder(config, dimensions)
}
/** Answers with vectors of so many dimensions. */
const wide = (dimensions: number) => (call: Call) =>
  call.respond(200, { data: call.texts.map((_, index) => ({ index, embedding: new Array(dimensions).fill(1) })) })
const isUnavailable = (error: unknown) => isCode(error, 'ENCODER_UNAVAILABLE')
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
  'a body that stalls': call =>
    void call.response.writeHead(200, { 'content-type': 'application/json' }).write('{"data":['),
  'a wrong key': call => call.respond(401, ''),
  'a key without the right': call => call.respond(403, ''),
  'a wrong path': call => call.respond(404, ''),
  'a wrong method': call => call.respond(405, ''),
  'an index out of range': call =>
    call.respond(200, { data: [0, 4_000_000_000].map(index => ({ index, embedding: embedding('a') })) }),
  'an index below the range': call =>
    call.respond(200, { data: [0, -1].map(index => ({ index, embedding: embedding('a') })) }),
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
  'HTTP 413': call => call.respond(413, ''),
  'HTTP 422': call => call.respond(422, ''),
  'no numbers': call => wide(0)(call),
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
  'another number of dimensions': call => wide(2)(call),
}))
  test(`${name} is final for the one input that causes it; the others are encoded`, async () => {
    answer = call => (call.texts.includes('bad') ? refuse(call) : good(call))
    const mixed = encoder({ batchSize: 8 })
    const results = await encodeEach(mixed, inputs('a', 'bb', 'bad', 'ccc', 'dddd'))
    assert.deepEqual(
      results.map(result => (result instanceof FeedloopError ? result.code : direction(result))),
      [expected('a'), expected('bb'), 'ENCODER_REFUSED', expected('ccc'), expected('dddd')],
    )
  })

test('a batch that is too large for the server goes in smaller ones', async () => {
  answer = call => (call.texts.length > 2 ? call.respond(413, '') : good(call))
  const texts = ['a', 'bb', 'ccc', 'dddd', 'eeeee']
  const results = await encodeEach(encoder({ batchSize: 8 }), inputs(...texts))
  assert.deepEqual(results.map(direction), texts.map(expected))
})

for (const [name, refuse] of Object.entries<(call: Call) => void>({
  'HTTP 400, as of a wrong model name': call => call.respond(400, { error: 'no such model' }),
  'HTTP 413': call => call.respond(413, ''),
  'no numbers': call => wide(0)(call),
  'vectors of another model': call => wide(2)(call),
}))
  test(`${name} to every text is no text's fault: unavailable, and good again when the server is`, async () => {
    const swapped = encoder({ batchSize: 8, retries: 0 })
    answer = refuse
    await assert.rejects(encodeEach(swapped, inputs('a', 'bb', 'ccc')), isUnavailable)
    await assert.rejects(encodeEach(swapped, inputs('a')), isUnavailable)
    answer = good
    assert.deepEqual((await encodeEach(swapped, inputs('a', 'bb'))).map(direction), ['a', 'bb'].map(expected))
  })

describe('dimensions that are not configured', () => {
  const asking = () => encoder({ dimensions: undefined, retries: 0, batchSize: 8 })

  test('are asked for once', async () => {
    answer = good
    const asks = asking()
    assert.deepEqual((await asks.encode(inputs('a', 'bb'))).map(direction), ['a', 'bb'].map(expected))
    await asks.encode(inputs('ccc'))
    assert.deepEqual(
      calls.map(call => call.texts.length),
      [1, 2, 1],
    )
  })

  for (const n of [0, 1])
    test(`a wrong answer (the ${n + 1}. of all) poisons nothing`, async () => {
      answer = (call, i) => (i === n ? wide(2)(call) : good(call))
      const asks = asking()
      const texts = ['a', 'bb', 'ccc']
      const first = await encodeEach(asks, inputs(...texts)).catch(error => error)
      if (n === 0) assert.ok(isUnavailable(first))
      const results = await encodeEach(asks, inputs(...texts))
      assert.deepEqual(results.map(direction), texts.map(expected))
    })

  test('that change later are of another model, whose vectors must not be mixed in', async () => {
    answer = good
    const asks = asking()
    await asks.encode(inputs('a'))
    answer = wide(2)
    for (let i = 0; i < 3; i++) await assert.rejects(encodeEach(asks, inputs('a', 'bb')), isUnavailable)
  })
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
  const [broad] = await encoder({}, 6).encode(inputs('a'))
  assert.equal(narrow.length, 2)
  assert.equal(direction(broad), `${expected('a')},0.000,0.000`)
})

test('closing ends a call that hangs', async () => {
  answer = () => {}
  const hanging = encoder({ timeoutMs: 60_000, retries: 9 })
  const call = hanging.encode(inputs('a'))
  await new Promise(resolve => setTimeout(resolve, 50))
  await hanging.close!()
  await assert.rejects(call, error => isCode(error, 'ENCODER_UNAVAILABLE'))
})
