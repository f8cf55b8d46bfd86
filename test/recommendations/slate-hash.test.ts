import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slateHash } from '../../src/recommendations/slate-hash.ts'

test('slate hash: the first 16 digits of sha256 over the JSON array, as any client can compute', () => {
  // printf '%s' '["r1","i1","i2"]' | sha256sum
  assert.equal(slateHash('r1', ['i1', 'i2']), '595ce38b96ee4d10')
})

test('slate hash: decision, items, order and boundaries all count', () => {
  const hashes = [
    slateHash('r1', []),
    slateHash('r1', ['a', 'b']),
    slateHash('r1', ['b', 'a']),
    slateHash('r1', ['ab']),
    slateHash('r1', ['a","b']),
    slateHash('r2', ['a', 'b']),
  ]
  assert.equal(new Set(hashes).size, hashes.length)
})
