import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createFeatureStore } from '../../src/features/store.ts'
import type { Posterior } from '../../src/learner/linear/posterior.ts'
import { createPlaces, type Found, foundNow } from '../../src/models/places.ts'
import type { VectorsByRow } from '../../src/models/policy.ts'

const vectors = [new Float32Array(1), new Float32Array(1), new Float32Array(1)]
const asked = (itemIds: string[], catalogue?: VectorsByRow, numbers: number[] = []) => ({
  itemIds,
  vectors,
  ...(catalogue && { rows: { catalogue, numbers } }),
})
/** Those of even θ stand somewhere. */
const posterior = (...theta: number[]): Posterior => ({
  theta: Float64Array.from(theta),
  explained: 0,
  factor: new Float64Array(3),
  axis: Float64Array.from(theta, value => value / 10),
  ...(theta[0] % 2 === 0 && { line: theta[0] }),
})
const a = posterior(1, 2)
const b = posterior(4, 3)
const all = { a, b }
/** What is known of items, and a list of who was asked for. */
function counting(of: Readonly<Record<string, Posterior>> = all) {
  const names: string[] = []
  const named = (name: string): Posterior | undefined => {
    names.push(name)
    return of[name]
  }
  return { names, named, places: createPlaces(named) }
}
/** Posteriors as they are found, each with its line. */
const told = ({ slots, known, unknown, posteriors, lines }: Found) => {
  const indices = [...slots.keys()]
  assert.deepEqual(
    [[...known], [...unknown]],
    [indices.filter(k => slots[k] >= 0), indices.filter(k => slots[k] < 0).reverse()],
  )
  return [...slots].map(slot => {
    if (slot < 0) return undefined
    assert.equal(lines[slot], posteriors[slot].line ?? -1)
    return posteriors[slot]
  })
}

describe('places', () => {
  test('are looked up by name once an item, those that are not there too', () => {
    const { names, places } = counting()
    const catalogue = createFeatureStore()
    for (let n = 0; n < 3; n++)
      assert.deepEqual(told(places.of(asked(['b', 'c', 'a'], catalogue, [5000, 7, 0]))), [b, undefined, a])
    assert.deepEqual(names, ['b', 'c', 'a'])
  })

  test('an item without a row, and candidates without rows, are looked up each time', () => {
    const { places } = counting()
    for (let n = 0; n < 2; n++) {
      assert.deepEqual(told(places.of(asked(['a', 'a'], createFeatureStore(), [-1, -1]))), [a, a])
      assert.deepEqual(told(places.of(asked(['a']))), [a])
    }
  })

  test('columns grow with what is asked for', () => {
    const of = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`i${i}`, posterior(i, -i)]))
    const { places } = counting(of)
    const catalogue = createFeatureStore()
    for (const [i, name] of Object.keys(of).entries()) places.of(asked([name], catalogue, [i]))
    const names = Object.keys(of)
    assert.deepEqual(told(places.of(asked(names, catalogue, [...names.keys()]))), Object.values(of))
  })

  test('rows of another catalogue are other rows', () => {
    const { places } = counting()
    assert.deepEqual(told(places.of(asked(['a'], createFeatureStore(), [0]))), [a])
    assert.deepEqual(told(places.of(asked(['b'], createFeatureStore(), [0]))), [b])
  })

  test('without a memory of them', () => {
    assert.deepEqual(told(foundNow([b, undefined, a])), [b, undefined, a])
  })

  test('those of many versions are forgotten, and found again', () => {
    const catalogue = createFeatureStore()
    const versions = Array.from({ length: 20 }, () => counting())
    for (let n = 0; n < 2; n++)
      for (const { places } of versions) assert.deepEqual(told(places.of(asked(['a'], catalogue, [3]))), [a])
    assert.deepEqual(
      versions.map(({ names }) => names.length),
      new Array(20).fill(2),
    )
    versions.at(-1)!.places.of(asked(['a'], catalogue, [3]))
    assert.equal(versions.at(-1)!.names.length, 2)
  })
})
