import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { holdNul, namesTwice } from '../../src/events/ids.ts'

describe('a list of ids', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => `item-${i}`)

  test('names none twice, whatever list came before it', () => {
    for (const count of [10_000, 1, 0, 33, 10_000, 1000]) assert.equal(namesTwice(many(count)), false)
  })
  test('names one twice, wherever both are', () => {
    for (const count of [2, 33, 1000, 5000])
      for (const [from, to] of [
        [0, count - 1],
        [count - 1, 0],
        [count >> 1, (count >> 1) - 1],
      ]) {
        const ids = many(count)
        ids[to] = ids[from]
        assert.equal(namesTwice(ids), true, `${count}: ${from} at ${to}`)
      }
  })
  test('hold NUL at the start, amid, at the end or not at all', () => {
    const found = ['\0a', 'a\0b', 'a\0', '\0', 'a0b', ''].map(id => holdNul(['x', id, 'y']))
    assert.deepEqual(found, [true, true, true, true, false, false])
  })
})
