import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRowIndex } from '../../src/features/row-index.ts'
import { createRandom } from '../../src/state/random.ts'

const BEGIN = ['a', 'A', 'item-', 'ä', '商品', '', 'about-13-long', 'longer than what stands in a row ']
/** Ids as they come, among them what only differs at the end, by case, by length, or beyond Latin. */
const names = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => BEGIN[i % BEGIN.length] + Math.floor(i / BEGIN.length))

describe('rows by item id', () => {
  for (const count of [0, 1, 45, 46, 5000])
    test(`are those of a map, with ${count} items`, () => {
      const index = createRowIndex()
      const map = new Map<string, number>()
      const random = createRandom(count)
      const all = names(2 * count + 3)
      for (let i = 0; i < 3 * count; i++) {
        const name = all[Math.floor(random.uniform() * count)]
        if (!map.has(name)) map.set(name, map.size)
        assert.equal(index.put(name), map.get(name))
      }
      const expected = all.map(name => map.get(name) ?? -1)
      assert.equal(index.size, map.size)
      assert.deepEqual(all.map(index.find), expected)
      assert.deepEqual([...index.findAll(all)], expected)
    })

  test('ids of one hash are told apart, found one by one and together', () => {
    const index = createRowIndex(undefined, text => text.length % 3)
    const all = names(120)
    for (const name of all.slice(0, 90)) index.put(name)
    const expected = all.map((_, i) => (i < 90 ? i : -1))
    assert.deepEqual(all.map(index.find), expected)
    assert.deepEqual([...index.findAll(all)], expected)
    assert.equal(index.put(all[40]), 40)
  })

  test('strings made of bytes anew are the same ids', () => {
    const index = createRowIndex()
    const all = names(100)
    for (const name of all) index.put(name)
    const read = all.map(name => Buffer.from(name).toString())
    assert.deepEqual([...index.findAll(read)], [...all.keys()])
  })
})
