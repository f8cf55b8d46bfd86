import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseConfig } from '../../src/config.ts'
import { createParts } from '../../src/state/contributions.ts'
import { createStateEncoder, type VectorLookup } from '../../src/state/encode.ts'

const config = parseConfig({
  state: {
    blocks: ['history', 'values', 'profile', 'context', 'numbers'],
    numbers: ['hour', 'age'],
    typeWeights: { click: 1, view: 0.25, dislike: -0.5 },
    halfLifeMs: 5000,
    valueScale: 3,
    contextDimensions: 3,
  },
  features: { dimensions: 3 },
})
const vectors: Record<string, Float32Array> = {
  'a@1': Float32Array.of(1, 0.5, 0),
  'a@2': Float32Array.of(-1, 0, 2),
  'b@1': Float32Array.of(0, 1, 0.25),
  'c@1': Float32Array.of(0, 0, 0),
}
const lookup: VectorLookup = (itemId, version) => vectors[`${itemId}@${version}`]
const encoder = createStateEncoder(config)
const partsOf = createParts(config)

const snapshot = fc.record({
  profile_version: fc.constant(1),
  profile: fc.constantFrom(null, Buffer.from(Float32Array.of(0.5, -2, 1).buffer)),
  history: fc.array(
    fc.record({
      item_id: fc.constantFrom('a', 'b', 'c', 'gone'),
      feature_version: fc.constantFrom(1, 2),
      type: fc.constantFrom('click', 'view', 'dislike', 'impression'),
      age_ms: fc.integer({ min: 0, max: 20_000 }),
      value: fc.double({ min: -5, max: 5, noNaN: true }),
    }),
    { maxLength: 8 },
  ),
  counts: fc.constant({}),
  context: fc.dictionary(
    fc.constantFrom('hour', 'age', 'device', 'member', 'x', 'y'),
    fc.oneof(fc.double({ min: -9, max: 9, noNaN: true }), fc.constantFrom('phone', 'desk'), fc.boolean()),
  ),
})

test('the parts and the bias add up to the encoded state', () => {
  fc.assert(
    fc.property(snapshot, given => {
      const whole = encoder.encode(given, lookup)
      const sum = new Float64Array(whole.length)
      sum[0] = 1
      const parts = partsOf(given, lookup)
      for (const { vector } of parts) for (const [d, value] of vector.entries()) sum[d] += value
      for (const [d, value] of whole.entries())
        assert.ok(Math.abs(value - sum[d]) < 1e-12, `${d}: ${value}, not ${sum[d]}`)
      assert.equal(new Set(parts.map(({ name }) => name)).size, parts.length)
    }),
    { numRuns: 500 },
  )
})

test('an item seen twice is one part; what has no vector or no weight is none', () => {
  const seen = (item_id: string, type = 'click') => ({ item_id, feature_version: 1, type, age_ms: 0, value: 1 })
  const history = [seen('a'), seen('b'), seen('a'), seen('gone'), seen('b', 'impression')]
  const given = { profile_version: 0, profile: null, history, counts: {}, context: { hour: 2 } }
  const parts = partsOf(given, lookup)
  assert.deepEqual(
    parts.map(({ name }) => name),
    ['context:hour', 'history:a', 'history:b'],
  )
  assert.ok(Math.abs(parts[1].vector[1] - 2 / 3) < 1e-12)
})
