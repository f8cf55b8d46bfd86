import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { avroCodec, jsonCodec } from '../../src/state/codec.ts'
import { createPlaceIndex } from '../../src/state/packed/index.ts'
import { packedTable } from '../../src/state/packed/table.ts'
import { memoryTable, type Table } from '../../src/state/table.ts'

interface Row {
  readonly text: string
  readonly number: number
}
const fields = [
  { name: 'text', type: 'string' },
  { name: 'number', type: 'long' },
]
const rows = avroCodec<Row>({ type: 'record', name: 'Row', fields })
const LAST = '\u{10ffff}'

/** Prefixes of each other, beyond Latin-1, half a character, longer than most. */
const keys = ['', 'a', 'a\0b', 'a\0', 'ab', 'ä', 'ÿ', 'Ā', '鍵', '😀', '\ud83d', '\uffee', 'x'.repeat(3000)]
const key = fc.constantFrom(...keys)
type Operation =
  | { readonly do: 'set'; readonly key: string; readonly row: Row }
  | { readonly do: 'delete' | 'get'; readonly key: string }
  | { readonly do: 'seal' | 'commit' | 'discard' }
  | { readonly do: 'range'; readonly from: string; readonly to: string }
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      key,
      row: fc
        .tuple(fc.string({ unit: 'grapheme', maxLength: 2000 }), fc.integer())
        .map(([text, number]) => ({ text, number })),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'get' as const), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('seal' as const, 'commit' as const, 'discard' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('range' as const), from: key, to: key }) },
)

function apply(table: Table<Row>, each: Operation): unknown {
  if (each.do === 'set') return table.set(each.key, each.row)
  if (each.do === 'delete' || each.do === 'get') return table[each.do](each.key)
  if (each.do === 'range') return [...table.range(each.from, each.to)]
  return table[each.do]?.()
}

describe('packed tables', () => {
  test('are to their user what a table of objects is', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), operations => {
        const packed = packedTable(rows)
        const plain = memoryTable<Row>()
        for (const each of operations) {
          assert.deepEqual(apply(packed, each), apply(plain, each))
          assert.equal(packed.size, plain.size)
        }
        assert.deepEqual([...packed.range('', LAST)], [...plain.range('', LAST)])
      }),
      { numRuns: 300 },
    )
  })

  test('values that are replaced over and over take little more room than twice what lives', () => {
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    // Buffers are let go of beside the program; the next collection waits for that.
    const collect = () => [gc(), gc()]
    const packed = packedTable(jsonCodec<string>())
    const value = (round: number, i: number) => `${i}/${round}`.padEnd(1000, '.')
    collect()
    const before = process.memoryUsage().arrayBuffers
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 1000; i++) packed.set(`key-${i}`, value(round, i))
      packed.commit()
    }
    collect()
    assert.ok(process.memoryUsage().arrayBuffers - before < 5e6, 'one round is 1 MB, all are 100 MB')
    for (let i = 0; i < 1000; i++) assert.equal(packed.get(`key-${i}`), value(99, i))
    assert.equal(packed.size, 1000)
  })

  test('a value that was read stays what it was when its entry is replaced and moved', () => {
    const bytes = avroCodec<{ readonly it: Buffer }>({
      type: 'record',
      name: 'B',
      fields: [{ name: 'it', type: 'bytes' }],
    })
    const packed = packedTable(bytes)
    packed.set('a', { it: Buffer.alloc(100_000, 1) })
    packed.commit()
    const read = packed.get('a')!.it
    for (let round = 0; round < 50; round++) {
      packed.set('a', { it: Buffer.alloc(100_000, 2) })
      packed.commit()
    }
    assert.ok(read.every(byte => byte === 1))
  })

  test('places whose hashes meet are found, moved and removed, each for itself', () => {
    const hash = fc.nat({ max: 3 }).map(low => low * 64)
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), hash, fc.integer({ min: 1, max: 40 })), { maxLength: 300 }), list => {
        const index = createPlaceIndex()
        const known = new Map<number, number>()
        for (const [adds, at, place] of list) {
          if (adds && !known.has(place)) {
            index.add(at, place)
            known.set(place, at)
          } else if (!adds) {
            assert.equal(index.remove(known.get(place) ?? at, place), known.has(place))
            known.delete(place)
          }
          for (const [each, its] of known)
            assert.equal(
              index.find(its, found => found === each),
              each,
            )
          assert.equal(index.size, known.size)
        }
        assert.deepEqual(
          [...index.places()].sort((a, b) => a - b),
          [...known.keys()].sort((a, b) => a - b),
        )
      }),
    )
  })
})
