import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ItemFeatures } from '../../schemas/records.ts'
import { isCode } from '../../src/errors.ts'
import { bytesToVector, createFeatureStore, vectorToBytes } from '../../src/features/store.ts'

const record = (itemId: string, version: number, timeMs: number, rest: Partial<ItemFeatures> = {}): ItemFeatures => ({
  feature_key: `${itemId}@${version}`,
  item_id: itemId,
  feature_version: version,
  encoder_version: 'test-1',
  vector: vectorToBytes(Float32Array.of(version, timeMs)),
  attributes: {},
  available: true,
  time_ms: timeMs,
  ...rest,
})

test('keeps every version and serves the newest', () => {
  const store = createFeatureStore()
  for (const each of [record('a', 1, 10), record('b', 7, 5), record('a', 2, 20), record('a', 3, 15)]) store.put(each)
  assert.equal(store.size, 2)
  assert.equal(store.current('a')?.featureVersion, 2)
  assert.deepEqual(
    [1, 2, 3].map(version => store.vector('a', version)?.[0]),
    [1, 2, 3],
  )
  assert.equal(store.vector('a', 4), undefined)
  assert.equal(store.vector('c', 1), undefined)
  assert.equal(store.current('c'), undefined)
})

test('content that comes back makes its old version current again, with the vector it had', () => {
  const store = createFeatureStore()
  store.put(record('a', 1, 10))
  const first = store.vector('a', 1)
  store.put(record('a', 2, 20))
  store.put(record('a', 1, 30))
  assert.equal(store.current('a')?.featureVersion, 1)
  assert.equal(store.current('a')?.vector, first)
  assert.equal(store.vector('a', 2)?.[0], 2)
})

test('of two records with one time the later in the log is current', () => {
  const store = createFeatureStore()
  store.put(record('a', 1, 10))
  store.put(record('a', 2, 10))
  assert.equal(store.current('a')?.featureVersion, 2)
})

test('lists available items in the order of their first appearance', () => {
  const store = createFeatureStore()
  for (const id of ['c', 'a', 'b']) store.put(record(id, 1, 1))
  assert.deepEqual(store.availableItems(), ['c', 'a', 'b'])
  store.put(record('a', 1, 2, { available: false }))
  assert.deepEqual(store.availableItems(), ['c', 'b'])
  store.put(record('a', 1, 3))
  assert.deepEqual(store.availableItems(), ['c', 'a', 'b'])
  assert.equal(store.availableItems(), store.availableItems())
})

test('refuses bytes that are no finite float32 numbers', () => {
  assert.throws(
    () => bytesToVector(Buffer.alloc(6)),
    error => isCode(error, 'RECORD_INVALID'),
  )
  assert.throws(
    () => bytesToVector(vectorToBytes(Float32Array.of(1, Number.NaN))),
    error => isCode(error, 'RECORD_INVALID'),
  )
})

test('a version that was deleted is dropped; the current one when another takes over', () => {
  const store = createFeatureStore()
  const held = () => [1, 2, 3].map(version => store.vector('a@b', version)?.[0])
  for (const version of [1, 2, 3]) store.put(record('a@b', version, version))
  store.drop('a@b@1')
  assert.deepEqual(held(), [undefined, 2, 3])
  store.drop('a@b@3')
  store.put(record('a@b', 2, 2))
  assert.equal(store.current('a@b')?.featureVersion, 3)
  store.put(record('a@b', 2, 4))
  assert.deepEqual(held(), [undefined, 2, undefined])
})

test('a current version that was deleted and came back is kept when another takes over', () => {
  const store = createFeatureStore()
  store.put(record('a', 1, 1))
  store.drop('a@1')
  store.put(record('a', 1, 2))
  store.put(record('a', 2, 3))
  assert.equal(store.vector('a', 1)?.[0], 1)
})

test('what was never there can be dropped', () => {
  const store = createFeatureStore()
  store.put(record('a', 1, 1))
  for (const key of ['a@2', 'b@1', 'a', '']) store.drop(key)
  assert.equal(store.vector('a', 1)?.[0], 1)
})

test('rows are told when they come and when they change, and keep their number and their first time', () => {
  const store = createFeatureStore()
  store.put(record('a', 1, 10))
  const told: number[] = []
  store.follow(row => void told.push(row))
  store.put(record('b', 1, 7))
  store.put(record('a', 2, 20))
  store.put(record('a', 3, 5))
  assert.deepEqual(told, [0, 1, 0, 0])
  assert.deepEqual([store.rowOf('a'), store.rowOf('b'), store.rowOf('c')], [0, 1, -1])
  assert.deepEqual([store.at(0).featureVersion, store.firstMs(0), store.firstMs(1)], [2, 5, 7])
})

test('the stamp of a row is another one when its vector is, and else the same', () => {
  const store = createFeatureStore()
  const stampAfter = (features: ItemFeatures): number => {
    store.put(features)
    return store.stampOf(store.rowOf('a'))
  }
  const first = stampAfter(record('a', 1, 10))
  assert.ok(first > 0)
  assert.equal(stampAfter(record('b', 1, 10)), first)
  assert.notEqual(store.stampOf(store.rowOf('b')), first)
  assert.equal(stampAfter(record('a', 1, 20, { available: false })), first)
  const second = stampAfter(record('a', 2, 30))
  assert.notEqual(second, first)
  assert.equal(stampAfter(record('a', 3, 25)), second)
  assert.ok(![first, second].includes(stampAfter(record('a', 1, 40))))
})

test('rows tell what is current of them, however many there are, and each its own', () => {
  const store = createFeatureStore()
  const rows = Array.from({ length: 2500 }, (_, row) => row)
  for (const row of rows) store.put(record(`i${row}`, row + 1, 10, { available: row % 2 === 0 }))
  store.put(record('i0', 5, 20, { available: false }))
  for (const row of rows) {
    assert.equal(store.versionOf(row), row === 0 ? 5 : row + 1)
    assert.equal(store.isAvailable(row), row > 0 && row % 2 === 0)
    assert.equal(store.stampOf(row), row === 0 ? 2501 : row + 1)
  }
})
