import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FeedloopError } from '../../src/errors.ts'
import type { Encoder } from '../../src/features/encoder.ts'
import { createEncoding } from '../../src/features/encoding.ts'
import { createHashedEncoder } from '../../src/features/hashed.ts'
import { createProjection, describe } from '../../src/features/projection.ts'
import {
  type Content,
  contentVersion,
  items,
  type Published,
  plan,
  publishable,
  users,
} from '../../src/features/step.ts'

const content = (id: string, text: string, timeMs: number, more: Partial<Content> = {}): Content => ({
  id,
  text,
  attributes: { b: 1, a: 'x' },
  available: true,
  timeMs,
  ...more,
})
const known = (from: Content, encoderVersion = 'e-1'): Published =>
  publishable(from, contentVersion(from, encoderVersion), encoderVersion, Float32Array.of(1, 2))
const old = content('a', 'text', 10)

for (const [name, state, before, act] of [
  ['new', old, undefined, 'encode'],
  ['repeated', old, known(old), 'nothing'],
  ['repeated later', content('a', 'text', 20), known(old), 'nothing'],
  ['attributes in another order', content('a', 'text', 20, { attributes: { a: 'x', b: 1 } }), known(old), 'nothing'],
  ['text changed', content('a', 'other', 20), known(old), 'encode'],
  ['attribute changed', content('a', 'text', 20, { attributes: { b: 2, a: 'x' } }), known(old), 'encode'],
  ['older than what is known', content('a', 'other', 9), known(old), 'nothing'],
  ['another encoder', old, known(old, 'e-0'), 'encode'],
  ['gone', content('a', 'text', 20, { available: false }), known(old), 'publish'],
] as const)
  test(`plan: ${name} -> ${act}`, () => assert.equal(plan(state, before, 'e-1').act, act))

test('versions are 48 bits, never 0, and differ with any part of the content', () => {
  const versions = new Set(
    [old, content('b', 'text', 10), content('a', 'texT', 10), content('a', 'text', 10, { attributes: {} })].map(each =>
      contentVersion(each, 'e-1'),
    ),
  )
  versions.add(contentVersion(old, 'e-2'))
  assert.equal(versions.size, 5)
  for (const version of versions) assert.ok(version > 0 && version < 2 ** 48 && Number.isInteger(version))
})

test('records and what is known of them are the same thing', () => {
  const published = known(old)
  assert.deepEqual(items.published(items.record(published)), published)
  assert.deepEqual(users.published(users.record(published)), published)
  assert.equal(items.key(published), items.record(published).feature_key)
})

/** An encoder that is down, or refuses texts that say so, as it is told. */
function moody() {
  const hashed = createHashedEncoder(4)
  const mood = { down: false, calls: 0 }
  const encoder: Encoder = {
    version: 'moody-1',
    dimensions: 4,
    async encode(inputs) {
      mood.calls++
      if (mood.down) throw new FeedloopError('ENCODER_UNAVAILABLE', 'down')
      if (inputs.some(input => input.text === 'bad')) throw new FeedloopError('ENCODER_REFUSED', 'bad text')
      return hashed.encode(inputs)
    },
  }
  return { mood, encoder }
}

function setUp(fallback?: Encoder) {
  const { mood, encoder } = moody()
  const published = new Map<string, Published>()
  const counts: Record<string, number> = {}
  const refused: string[] = []
  const encoding = createEncoding<string>({
    kind: items,
    encoder,
    fallback,
    known: published,
    retryMs: 100,
    count: (result, value) => {
      counts[result] = (counts[result] ?? 0) + value
    },
    encoderSeconds: () => {},
    refused: async origin => void refused.push(origin),
    down: () => {},
  })
  const handle = async (nowMs: number, ...contents: Content[]) => {
    const done = await encoding.handle(
      contents.map(each => ({ content: each, origin: `origin of ${each.id}` })),
      nowMs,
    )
    for (const each of done) published.set(each.id, each)
    return done.map(each => `${each.id} ${each.encoderVersion} ${each.available}`)
  }
  return { mood, encoding, handle, counts, refused, published }
}

test('of several states of an item in one read only the newest is encoded', async () => {
  const { handle, published } = setUp()
  await handle(0, content('a', 'new', 20), content('a', 'old', 10))
  assert.equal(published.get('a')!.timeMs, 20)
})

test('a refused text leaves the others alone, and the item its old vector', async () => {
  const { handle, refused, published, counts } = setUp()
  await handle(0, content('b', 'fine', 1))
  const before = published.get('b')
  assert.deepEqual(await handle(1, content('a', 'one', 2), content('b', 'bad', 2), content('c', 'two', 2)), [
    'a moody-1 true',
    'c moody-1 true',
  ])
  assert.deepEqual(refused, ['origin of b'])
  assert.equal(published.get('b'), before)
  assert.deepEqual([counts.encoded, counts.refused], [3, 1])
})

test('down: old vectors stay, new items wait, and all is made good when it is back', async () => {
  const { mood, encoding, handle, counts } = setUp()
  await handle(0, content('a', 'one', 1))
  mood.down = true
  assert.deepEqual(await handle(10, content('a', 'changed', 2), content('b', 'two', 2)), [])
  assert.deepEqual([...encoding.waiting.keys()], ['a', 'b'])
  assert.deepEqual(await handle(20, content('b', 'two again', 3)), [])
  assert.equal(mood.calls, 2, 'it is not asked again at once')
  assert.deepEqual(await handle(200), [])
  assert.equal(mood.calls, 3)
  mood.down = false
  assert.deepEqual((await handle(400)).sort(), ['a moody-1 true', 'b moody-1 true'])
  assert.equal(encoding.waiting.size, 0)
  assert.deepEqual([counts.waiting, counts.encoded], [2, 3])
})

test('down: an item that is gone is said to be gone at once', async () => {
  const { mood, handle } = setUp()
  await handle(0, content('a', 'one', 1))
  mood.down = true
  assert.deepEqual(await handle(10, content('a', 'changed', 2, { available: false })), ['a moody-1 false'])
})

test('down with a fallback: new items get its vector once, then the real one', async () => {
  const { mood, handle, counts } = setUp(createHashedEncoder(4))
  mood.down = true
  assert.deepEqual(await handle(0, content('a', 'one', 1)), ['a hashed-3:4 true'])
  assert.deepEqual(await handle(200), [])
  mood.down = false
  assert.deepEqual(await handle(400), ['a moody-1 true'])
  assert.deepEqual([counts.fallback, counts.waiting, counts.encoded], [1, 1, 1])
})

test('an item forgotten while it waited is not encoded', async () => {
  const { mood, encoding, handle } = setUp()
  mood.down = true
  await handle(0, content('a', 'one', 1))
  encoding.forget('a', 1)
  mood.down = false
  assert.deepEqual(await handle(400), [])
})

test('what waits and is later than the deletion is still owed', async () => {
  const { mood, encoding, handle } = setUp()
  mood.down = true
  await handle(0, content('a', 'one', 2))
  encoding.forget('a', 1)
  mood.down = false
  assert.deepEqual(await handle(400), ['a moody-1 true'])
})

test('whatever the moods, in the end every item has the vector of its newest content', async () => {
  const step = fc.record({
    id: fc.constantFrom('a', 'b', 'c'),
    text: fc.constantFrom('x', 'y', 'z'),
    down: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.boolean(), async (steps, withFallback) => {
      const { mood, handle, published } = setUp(withFallback ? createHashedEncoder(4) : undefined)
      const newest = new Map<string, Content>()
      for (const [n, { id, text, down }] of steps.entries()) {
        mood.down = down
        newest.set(id, content(id, text, n))
        await handle(60 * n, newest.get(id)!)
      }
      mood.down = false
      await handle(1e6)
      for (const [id, state] of newest) assert.equal(published.get(id)?.version, contentVersion(state, 'moody-1'))
    }),
    { numRuns: 100 },
  )
})

test('a projection keeps cosines about, and is the same each time', async () => {
  const project = createProjection(384, 64)
  const encoder = createHashedEncoder(384)
  const vectors = await encoder.encode(
    ['red fox', 'red fox jumps', 'blue whale'].map(text => ({ id: '', text, attributes: {} })),
  )
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i], 0)
  const projected = vectors.map(project)
  for (const [i, j] of [
    [0, 1],
    [0, 2],
    [1, 2],
  ])
    assert.ok(Math.abs(dot(projected[i], projected[j]) - dot(vectors[i], vectors[j])) < 0.35)
  assert.deepEqual(createProjection(384, 64)(vectors[0]), projected[0])
  assert.deepEqual([...createProjection(2, 4)(Float32Array.of(0, 3))], [0, 1, 0, 0])
})

test('what a language model reads of an item', () => {
  assert.equal(describe('A film', { year: 1999, genre: 'comedy' }), 'A film. genre: comedy. year: 1999')
  assert.equal(describe(null, {}), '')
})
