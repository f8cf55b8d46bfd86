/** The reader's rule: the table of cases, and what needs more than a case. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReader } from '../../../src/log/chain/reader.ts'
import { at, cases, genesis, written } from './reader-cases.ts'

for (const { name, start, base, log, accepted, lost = false } of cases) {
  test(`${name}, in pieces of any size`, () => {
    const records = written(log, base)
    for (let size = 1; size <= records.length; size++) {
      const reader = createReader(start)
      const found: number[] = []
      for (let i = 0; i < records.length; i += size)
        for (const batch of reader.feed(records.slice(i, i + size))) found.push(batch.head.offset)
      assert.deepEqual(found, accepted)
      assert.equal(reader.fault !== null, lost)
      assert.equal(reader.skipped, reader.anchored ? log.length - accepted.length : 0)
    }
  })
}

test('from inside a batch its rest is dropped', () => {
  const records = written([
    { id: 1, prev: null, outputs: 3 },
    { id: 2, prev: at(0, 1) },
    { id: 3, prev: at(3, 2) },
  ]).slice(1)
  assert.deepEqual(
    createReader({ from: 'offset', offset: 1 })
      .feed(records)
      .map(batch => batch.head.offset),
    [3, 4],
  )
})

test('a head known from elsewhere anchors what no batch names', () => {
  const reader = createReader({ from: 'offset', offset: 10 })
  assert.deepEqual(reader.feed(written([{ id: 1, prev: at(7, 7) }], 10)), [])
  assert.deepEqual(
    reader.witness(at(7, 7)).map(batch => batch.head.offset),
    [10],
  )
})

test('a record of somebody else is refused with a code', () => {
  const [record] = written([{ id: 1, prev: null }])
  assert.throws(() => createReader(genesis).feed([{ ...record!, headers: {} }]), { code: 'CHAIN_HEADER_INVALID' })
  const broken = written([
    { id: 1, prev: null, outputs: 2 },
    { id: 2, prev: at(0, 1) },
  ])
  assert.throws(() => createReader(genesis).feed([broken[0]!, broken[2]!]), { code: 'CHAIN_HEADER_INVALID' })
})
