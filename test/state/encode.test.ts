import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Interaction, Snapshot } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { createStateEncoder, type VectorLookup } from '../../src/state/encode.ts'

const vectors: Record<string, Float32Array> = {
  'a@1': Float32Array.of(1, 0, 0),
  'a@2': Float32Array.of(0, 0, 8),
  'b@1': Float32Array.of(0, 1, 0),
  'short@1': Float32Array.of(2),
  'long@1': Float32Array.of(1, 1, 1, 9, 9),
}
const lookup: VectorLookup = (itemId, version) => vectors[`${itemId}@${version}`]

const seen = (item_id: string, over: Partial<Interaction> = {}): Interaction => ({
  item_id,
  feature_version: 1,
  type: 'click',
  age_ms: 0,
  value: 1,
  ...over,
})
const snapshot = (over: Partial<Snapshot> = {}): Snapshot => ({
  profile_version: 0,
  profile: null,
  history: [],
  counts: {},
  context: {},
  ...over,
})
const encoderOf = (state: ConfigInput['state']) =>
  createStateEncoder(parseConfig({ state, features: { dimensions: 3 } }))
const float32 = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer)

interface Case {
  readonly name: string
  readonly state: ConfigInput['state']
  readonly given: Snapshot
  readonly expected: readonly number[]
}

const cases: readonly Case[] = [
  {
    name: 'an empty history is the zero vector',
    state: { blocks: ['history'] },
    given: snapshot(),
    expected: [1, 0, 0, 0],
  },
  {
    name: 'a mean of two',
    state: { blocks: ['history'] },
    given: snapshot({ history: [seen('a'), seen('b')] }),
    expected: [1, 0.5, 0.5, 0],
  },
  {
    name: 'the version logged is the one used',
    state: { blocks: ['history'] },
    given: snapshot({ history: [seen('a', { feature_version: 2 })] }),
    expected: [1, 0, 0, 8],
  },
  {
    name: 'an unknown item or version is absent, not zero',
    state: { blocks: ['history'] },
    given: snapshot({ history: [seen('a'), seen('gone'), seen('b', { feature_version: 7 })] }),
    expected: [1, 1, 0, 0],
  },
  {
    name: 'a type without a weight is absent, whatever it is called',
    state: { blocks: ['history'] },
    given: snapshot({ history: [seen('a'), seen('b', { type: 'constructor' }), seen('b', { type: 'skip' })] }),
    expected: [1, 1, 0, 0],
  },
  {
    name: 'types weigh, and a negative weight pushes away',
    state: { blocks: ['history'], typeWeights: { click: 3, dislike: -1 } },
    given: snapshot({ history: [seen('a'), seen('b', { type: 'dislike' })] }),
    expected: [1, 0.75, -0.25, 0],
  },
  {
    name: 'age halves the weight',
    state: { blocks: ['history'], halfLifeMs: 1000 },
    given: snapshot({ history: [seen('a'), seen('b', { age_ms: 1000 })] }),
    expected: [1, 1 / 1.5, 0.5 / 1.5, 0],
  },
  {
    name: 'values scale the vectors, not the weights',
    state: { blocks: ['values'], valueScale: 10 },
    given: snapshot({ history: [seen('a', { value: 10 }), seen('b', { value: -5 })] }),
    expected: [1, 0.5, -0.25, 0],
  },
  {
    name: 'vectors of other lengths are padded and cut',
    state: { blocks: ['history'] },
    given: snapshot({ history: [seen('short'), seen('long')] }),
    expected: [1, 1.5, 0.5, 0.5],
  },
  {
    name: 'a short profile is padded',
    state: { blocks: ['profile'] },
    given: snapshot({ profile_version: 1, profile: float32(0.5, 2) }),
    expected: [1, 0.5, 2, 0],
  },
  {
    name: 'a long profile is cut',
    state: { blocks: ['profile'] },
    given: snapshot({ profile_version: 1, profile: float32(1, 2, 3, 4) }),
    expected: [1, 1, 2, 3],
  },
  { name: 'no profile is the zero vector', state: { blocks: ['profile'] }, given: snapshot(), expected: [1, 0, 0, 0] },
  {
    name: 'counts by their logarithm, whatever the type is called; a rate by how far it is from the prior',
    state: {
      blocks: ['counts'],
      counts: ['view', 'toString'],
      rates: [{ of: 'click', per: 'view', prior: 0.1, strength: 10 }],
    },
    given: snapshot({ counts: { view: 30, click: 7 } }),
    expected: [1, Math.log(31), 0, (7 - 3) / 40],
  },
  {
    name: 'counts of somebody unknown are 0',
    state: { blocks: ['counts'], counts: ['view'], rates: [{ of: 'click', per: 'view' }] },
    given: snapshot(),
    expected: [1, 0, 0],
  },
  {
    name: 'blocks come in the order configured',
    state: { blocks: ['profile', 'history'] },
    given: snapshot({ profile_version: 1, profile: float32(7, 7, 7), history: [seen('a')] }),
    expected: [1, 7, 7, 7, 1, 0, 0],
  },
]

for (const { name, state, given, expected } of cases)
  test(`encode: ${name}`, () => {
    const encoder = encoderOf(state)
    assert.equal(encoder.dimensions, expected.length)
    assert.deepEqual([...encoder.encode(given, lookup)], expected)
  })

const contextOf = (context: Snapshot['context']) => [
  ...encoderOf({ blocks: ['context'], contextDimensions: 64 }).encode(snapshot({ context }), lookup),
]
const nonZero = (values: readonly number[]) => values.slice(1).filter(value => value !== 0)

test('encode: context numbers keep their size, words and flags count one, an unset flag nothing', () => {
  assert.deepEqual(nonZero(contextOf({ hour: 5 })).map(Math.abs), [5])
  assert.deepEqual(nonZero(contextOf({ page: 'home' })).map(Math.abs), [1])
  assert.deepEqual(nonZero(contextOf({ mobile: true })).map(Math.abs), [1])
  assert.deepEqual(nonZero(contextOf({ mobile: false })), [])
  assert.notDeepEqual(contextOf({ page: 'home' }), contextOf({ page: 'cart' }))
})

test('encode: context hashing uses both signs and all places', () => {
  const encoder = encoderOf({ blocks: ['context'], contextDimensions: 4 })
  const used = new Set<string>()
  for (let i = 0; i < 200; i++) {
    const vector = encoder.encode(snapshot({ context: { [`name${i}`]: true } }), lookup)
    for (const [place, value] of vector.entries()) if (place > 0 && value !== 0) used.add(`${place}:${value}`)
  }
  assert.equal(used.size, 8)
})

test('encode: the bits do not depend on the order of the context map', () => {
  const encoder = encoderOf({ blocks: ['context'], contextDimensions: 1 })
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.double({ noNaN: true, min: -1e9, max: 1e9 })), context => {
      const reversed = Object.fromEntries(Object.entries(context).reverse())
      const one = encoder.encode(snapshot({ context }), lookup)
      assert.deepEqual(
        Buffer.from(one.buffer),
        Buffer.from(encoder.encode(snapshot({ context: reversed }), lookup).buffer),
      )
    }),
  )
})

test('encode: the version tells layouts and weights apart', () => {
  const versions = [
    { blocks: ['history'] },
    { blocks: ['history', 'context'] },
    { blocks: ['context', 'history'] },
    { blocks: ['history'], halfLifeMs: 5 },
    { blocks: ['history'], valueScale: 2 },
    { blocks: ['history'], typeWeights: { click: 2 } },
    { blocks: ['counts'], counts: ['click', 'view'] },
    { blocks: ['counts'], counts: ['view', 'click'] },
    { blocks: ['counts'], rates: [{ of: 'click', per: 'view' }] },
    { blocks: ['counts'], rates: [{ of: 'click', per: 'view', strength: 5 }] },
  ] satisfies ConfigInput['state'][]
  assert.equal(new Set(versions.map(state => encoderOf(state).version)).size, versions.length)
  assert.match(encoderOf({ blocks: ['history', 'context'] }).version, /^mean-1:history3\+context8#[0-9a-f]{8}$/)
})

test('encode: the shipped defaults have the bits that they had, whatever counts are', () => {
  const { version } = createStateEncoder(parseConfig({}))
  assert.equal(version, createStateEncoder(parseConfig({ state: { counts: ['view'] } })).version)
  assert.equal(version, 'mean-1:history32+context8#278e5f83')
})
