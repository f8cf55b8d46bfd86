import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createPlaces } from '../../src/models/places.ts'

const vectors = [new Float32Array(1), new Float32Array(1), new Float32Array(1)]
const asked = (itemIds: string[], catalogue?: object, numbers: number[] = []) => ({
  itemIds,
  vectors,
  ...(catalogue && { rows: { catalogue, numbers } }),
})
/** A map that counts how often it is asked. */
function counting(entries: [string, { name: string }][]) {
  const map = new Map(entries)
  const names: string[] = []
  const get = (name: string) => {
    names.push(name)
    return Map.prototype.get.call(map, name) as { name: string } | undefined
  }
  return { map: Object.assign(map, { get }), names }
}
const a = { name: 'a' }
const b = { name: 'b' }

describe('places', () => {
  test('are looked up by name once an item, those that are not there too', () => {
    const { map, names } = counting([
      ['a', a],
      ['b', b],
    ])
    const places = createPlaces(name => map.get(name))
    const catalogue = {}
    for (let n = 0; n < 3; n++)
      assert.deepEqual(places.of(asked(['b', 'c', 'a'], catalogue, [5000, 7, 0])), [b, undefined, a])
    assert.deepEqual(names, ['b', 'c', 'a'])
  })

  test('an item without a row, and candidates without rows, are looked up each time', () => {
    const map = new Map([['a', a]])
    const places = createPlaces(name => map.get(name))
    for (let n = 0; n < 2; n++) {
      assert.deepEqual(places.of(asked(['a', 'a'], {}, [-1, -1])), [a, a])
      assert.deepEqual(places.of(asked(['a'])), [a])
    }
  })

  test('rows of another catalogue are other rows', () => {
    const map = new Map([
      ['a', a],
      ['b', b],
    ])
    const places = createPlaces(name => map.get(name))
    assert.deepEqual(places.of(asked(['a'], {}, [0])), [a])
    assert.deepEqual(places.of(asked(['b'], {}, [0])), [b])
  })

  test('those of many versions are forgotten, and found again', () => {
    const catalogue = {}
    const versions = Array.from({ length: 20 }, () => counting([['a', a]]))
    const all = versions.map(({ map }) => createPlaces(name => map.get(name)))
    for (let n = 0; n < 2; n++) for (const places of all) assert.deepEqual(places.of(asked(['a'], catalogue, [3])), [a])
    assert.deepEqual(
      versions.map(({ names }) => names.length),
      new Array(20).fill(2),
    )
    all.at(-1)!.of(asked(['a'], catalogue, [3]))
    assert.equal(versions.at(-1)!.names.length, 2)
  })
})
