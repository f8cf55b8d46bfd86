import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { createExampleEncoder } from '../../src/learner/examples.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { transitionOf } from './examples.ts'

const encoder = createStateEncoder(parseConfig({}))
const vectors: Readonly<Record<string, Float32Array>> = {
  a: Float32Array.of(1, 0),
  b: Float32Array.of(0, 1),
  c: Float32Array.of(1, 1),
}
const candidates = Object.keys(vectors).map(item_id => ({
  item_id,
  feature_version: 1,
  source: 'request',
  inclusion_probability: 1,
}))
const encode = (masked: readonly number[], action: string) => {
  const examples = createExampleEncoder({ encoder, dimensions: 2, usesCandidates: true, weightOf: () => 1 })
  const example = examples.encode(transitionOf({ candidates, masked, action: [action] }), { vector: id => vectors[id] })
  assert.ok(typeof example === 'object')
  return [example.candidates, example.action]
}

test('a choice is learned among the candidates that could be drawn', () => {
  assert.deepEqual(encode([], 'b'), [[vectors.a, vectors.b, vectors.c], 1])
  assert.deepEqual(encode([0], 'b'), [[vectors.b, vectors.c], 0])
})

test('a pinned item is masked, and is what was shown all the same', () => {
  assert.deepEqual(encode([0, 1], 'b'), [[vectors.b, vectors.c], 0])
})
