import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashesOf, hashOfText } from '../../src/state/text-hash.ts'

const texts = ['', 'a', 'ab', 'b', 'item-1', 'é', '👍', 'x'.repeat(100), 'a\0b']

test('a list has the hashes of its texts, each time', () => {
  for (let n = 0; n < 2; n++)
    for (const list of [texts, texts.slice(0, -1), []]) {
      assert.deepEqual([...hashesOf(list)], list.map(hashOfText))
    }
})

test('ids that are like each other share no hash', () => {
  const hashes = new Set(Array.from({ length: 5000 }, (_, i) => hashOfText(`item-${i}`)))
  assert.equal(hashes.size, 5000)
})
