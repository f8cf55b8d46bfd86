import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import avro from 'avsc'
import { isCode } from '../../src/errors.ts'
import { listOf, readDoubles, readTexts, wroteDoubles } from '../../src/log/wire/lists.ts'
import { compile, type Tap } from '../../src/log/wire/types.ts'

const { Tap: AvroTap } = createRequire(import.meta.url)('avsc/lib/utils') as {
  Tap: new (bytes: Buffer) => Tap
}
const texts = compile({ type: 'array', items: 'string' })
const doubles = compile({ type: 'array', items: 'double' })
const plain = {
  texts: avro.Type.forSchema({ type: 'array', items: 'string' }),
  doubles: avro.Type.forSchema({ type: 'array', items: 'double' }),
}
const at = (buf: Buffer): Tap => ({ buf, pos: 0 }) as Tap
const textBytes = (text: string): Buffer => plain.texts.toBuffer([text]).subarray(1, -1)
const long = 'a'.repeat(13)
const lists: Readonly<Record<string, readonly string[]>> = {
  'no text': [],
  'an empty one': [''],
  'short ones': ['a', 'item-123', '', 'a'.repeat(12)],
  'one of thirteen units': ['a', long, 'b'],
  'one of bytes above 127 amid others': ['a', 'é', 'b', '日本', 'c'],
  'one of a hundred': ['a', 'x'.repeat(100)],
  'a thousand': Array.from({ length: 1000 }, (_, i) => `item-${i}`),
}

describe('lists of texts', () => {
  for (const [name, list] of Object.entries(lists))
    test(`${name}: read as they were written, in one block and in several`, () => {
      const bytes = plain.texts.toBuffer([...list])
      assert.deepEqual(texts.fromBuffer(bytes), list)
      // blocks of one, the second with its size in bytes
      const blocks = list.map((text, i) => {
        const item = textBytes(text)
        const size = avro.Type.forSchema('long').toBuffer(item.length)
        return Buffer.concat(i === 1 ? [Buffer.from([1]), size, item] : [Buffer.from([2]), item])
      })
      assert.deepEqual(texts.fromBuffer(Buffer.concat([...blocks, Buffer.from([0])])), list)
      for (let end = 0; end < Math.min(bytes.length, 60); end++)
        assert.throws(() => texts.fromBuffer(bytes.subarray(0, end)))
    })

  test('all at a time where they are short and ASCII, and else not at all', () => {
    for (const [list, all] of [
      [['a', '', 'a'.repeat(12)], true],
      [['a', long], false],
      [['a', 'é'], false],
    ] as const) {
      const tap = at(Buffer.concat(list.map(textBytes)))
      assert.deepEqual(readTexts(tap, list.length), all ? list : undefined)
      assert.equal(tap.pos, all ? tap.buf.length : 0)
    }
    assert.equal(readTexts(at(Buffer.from([2])), 1), undefined)
    assert.equal(readTexts(at(Buffer.from([2, 97])), 2), undefined)
  })
})

describe('lists of numbers', () => {
  for (const length of [0, 1, 7, 1000, 5000])
    test(`${length} of them: the same bytes as one by one, and read as they were`, () => {
      const list = Array.from({ length }, (_, i) => (i % 3 ? i / 7 : -i * 1e300))
      const bytes = doubles.toBuffer(list)
      assert.ok(bytes.equals(plain.doubles.toBuffer(list)))
      assert.deepEqual(doubles.fromBuffer(bytes), list)
      if (length > 0) assert.throws(() => doubles.fromBuffer(bytes.subarray(0, -3)))
    })

  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, null, '1'])
    test(`${String(wrong)} amid others is refused as alone`, () => {
      assert.throws(
        () => doubles.toBuffer([1, wrong, 2]),
        error => isCode(error, 'WIRE_UNSAFE_NUMBER'),
      )
    })

  test('what is not finite is refused when it is read', () => {
    const bytes = plain.doubles.toBuffer([1, Number.NaN, 2])
    assert.throws(
      () => doubles.fromBuffer(bytes),
      error => isCode(error, 'WIRE_UNSAFE_NUMBER'),
    )
  })

  test('a count that is no number is refused, of whatever it is, read or skipped', () => {
    // zeros times infinity: avsc reads it so
    const bytes = Buffer.concat([Buffer.alloc(160, 0x80), Buffer.alloc(40)])
    const schemas = [
      { type: 'array', items: 'double' },
      { type: 'array', items: 'string' },
      { type: 'array', items: 'long' },
      { type: 'map', values: 'long' },
    ]
    for (const schema of schemas) {
      const type = compile(schema) as unknown as Record<'_read' | '_skip', (tap: Tap) => unknown>
      for (const look of ['_read', '_skip'] as const)
        assert.throws(() => type[look](new AvroTap(bytes)), /claims NaN elements/)
    }
  })

  test('a list that was made at a time has no holes', () => {
    setFlagsFromString('--allow-natives-syntax')
    const hasHoles = new Function('list', 'return %HasHoleyElements(list)') as (list: unknown) => boolean
    for (const count of [1, 5, 3000]) assert.equal(hasHoles(listOf(new Float64Array(count).fill(0.5))), false)
    assert.equal(hasHoles(new Array(3)), true)
  })

  test('all at a time where there is room, and else not at all', () => {
    const tap = at(Buffer.alloc(17))
    assert.equal(wroteDoubles(tap, [1, 2]), true)
    assert.equal(tap.pos, 16)
    assert.equal(wroteDoubles(tap, [3]), false)
    assert.equal(tap.pos, 16)
    tap.pos = 0
    assert.deepEqual(readDoubles(tap, 2), [1, 2])
    assert.equal(readDoubles(tap, 1), undefined)
  })
})
