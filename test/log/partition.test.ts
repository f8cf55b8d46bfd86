import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { assertPartition, murmur2, partitionFor } from '../../src/log/partition.ts'

// The expected values are those of Kafka's own UtilsTest.testMurmur2.
const cases: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
]

for (const [key, hash] of cases)
  test(`murmur2("${key}") is what Kafka's Java client computes`, () => {
    assert.equal(murmur2(Buffer.from(key)), hash)
    assert.equal(partitionFor(key, 12), (hash & 0x7fffffff) % 12)
  })

test('partitions are in range and all used', () => {
  const used = new Set(Array.from({ length: 1000 }, (_, i) => partitionFor(`user-${i}-é`, 7)))
  assert.deepEqual([...used].sort(), [0, 1, 2, 3, 4, 5, 6])
})

test('a key belongs in one partition only', () => {
  for (const key of ['u-1', 'ü', 'someone'])
    for (let partition = 0; partition < 7; partition++) {
      const check = () => assertPartition(key, partition, 7)
      if (partition === partitionFor(key, 7)) check()
      else assert.throws(check, error => isCode(error, 'WRONG_PARTITION'))
    }
})
