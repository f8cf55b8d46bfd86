/** The format both ways, and what a hostile file could claim. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Tensor } from '../../schemas/records.ts'
import { type FeedloopError, isCode } from '../../src/errors.ts'
import { decodeSafetensors, encodeSafetensors } from '../../src/exchange/weights/safetensors.ts'
import { encodeTensor } from '../../src/learner/tensors.ts'

const elements = fc.oneof(
  fc.float32Array({ maxLength: 12 }),
  fc.float64Array({ maxLength: 12 }),
  fc.int32Array({ maxLength: 12 }),
)
const tensor = fc
  .tuple(fc.string({ unit: 'grapheme', maxLength: 9 }), elements)
  .filter(([name]) => name !== '__metadata__')
  .map(([name, values]) => encodeTensor(name, values))
const tensorsOf = fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 6 })
const texts = fc.dictionary(fc.string(), fc.string(), { maxKeys: 4 })

const byName = (tensors: readonly Tensor[]) => [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1))

describe('what is written', () => {
  test('is read back, bit for bit', () => {
    fc.assert(
      fc.property(tensorsOf, texts, (tensors, metadata) => {
        const read = decodeSafetensors(encodeSafetensors(tensors, metadata))
        assert.deepEqual(byName(read.tensors), byName(tensors))
        assert.deepEqual(new Map(read.metadata), new Map(Object.entries(metadata)))
      }),
    )
  })
  test('is aligned, widest elements first, whatever the order given', () => {
    fc.assert(
      fc.property(tensorsOf, tensors => {
        const file = encodeSafetensors(tensors)
        assert.deepEqual(file, encodeSafetensors([...tensors].reverse()))
        const start = 8 + Number(file.readBigUInt64LE())
        assert.equal(start % 8, 0)
        for (const { data, dtype } of decodeSafetensors(file).tensors)
          assert.equal((data.byteOffset - file.byteOffset) % (dtype === 'float64' ? 8 : 4), 0)
      }),
    )
  })
  test('is this, for two small tensors', () => {
    const file = encodeSafetensors([encodeTensor('b', Int32Array.of(7)), encodeTensor('a', Float32Array.of(1.5))])
    const header =
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"I32","shape":[1],"data_offsets":[4,8]}}'
    const length = Math.ceil(header.length / 8) * 8
    assert.equal(file.readBigUInt64LE(), BigInt(length))
    assert.equal(file.toString('utf8', 8, 8 + length), header.padEnd(length))
    assert.equal(file.toString('hex', 8 + length), '0000c03f07000000')
  })
  test('has one tensor of a name', () => {
    const twice = [encodeTensor('a', Float32Array.of(1)), encodeTensor('a', Int32Array.of(1))]
    assert.throws(() => encodeSafetensors(twice), invalid(/two tensors are named "a"/))
    assert.throws(() => encodeSafetensors([encodeTensor('__metadata__', Int32Array.of(1))]), invalid(/__metadata__/))
  })
})

const invalid = (message: RegExp) => (error: FeedloopError) =>
  isCode(error, 'SAFETENSORS_INVALID') && message.test(error.message)

const fileOf = (header: string, data = Buffer.alloc(0), claimed = BigInt(Buffer.byteLength(header))): Buffer => {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(claimed)
  return Buffer.concat([length, Buffer.from(header), data])
}
const entry = (begin: number, end: number, over: object = {}) =>
  JSON.stringify({ dtype: 'F32', shape: [(end - begin) / 4], data_offsets: [begin, end], ...over })
const eight = Buffer.alloc(8)

const hostile: readonly [string, Buffer, RegExp][] = [
  ['an empty file', Buffer.alloc(0), /0 bytes/],
  ['a header that the file does not hold', fileOf('{}', eight, 2n ** 20n), /header of 1048576 bytes in a file of 18/],
  ['a header of petabytes', fileOf('{}', eight, 2n ** 63n), /at most 100000000 are read: not a safetensors file\?/],
  ['text that is no JSON', fileOf('{"a"'), /no JSON/],
  ['a header that is a list', fileOf('[1]'), /begin with/],
  ['white space before the header', fileOf(' {}'), /begin with/],
  ['a header that is not UTF-8', fileOf('{}', Buffer.of(0xff), 3n), /UTF-8/],
  ['a header that nests without end', fileOf(`{"a":${'['.repeat(50_000)}`), /nested/],
  ['a name twice', fileOf(`{"a":${entry(0, 4)},"a":${entry(4, 8)}}`, eight), /"a" is there twice/],
  ['a name twice, once escaped', fileOf(`{"a":${entry(0, 4)},"\\u0061":${entry(4, 8)}}`, eight), /twice/],
  ['a field twice', fileOf(`{"a":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}`, eight), /twice/],
  ['overlapping tensors', fileOf(`{"a":${entry(0, 8)},"b":${entry(4, 8)}}`, eight), /"b" begins at 4/],
  ['a gap', fileOf(`{"a":${entry(4, 8)}}`, eight), /"a" begins at 4/],
  ['bytes of no tensor', fileOf(`{"a":${entry(0, 4)}}`, eight), /take 4 bytes, after the header are 8/],
  ['offsets beyond the file', fileOf(`{"a":${entry(0, 16)}}`, eight), /no range of 8/],
  ['offsets in reverse', fileOf(`{"a":${entry(0, 8, { data_offsets: [8, 0] })}}`, eight), /no range/],
  ['three offsets', fileOf(`{"a":${entry(0, 8, { data_offsets: [0, 4, 8] })}}`, eight), /no range/],
  ['a shape of another size', fileOf(`{"a":${entry(0, 8, { shape: [3] })}}`, eight), /8 bytes for 3 of F32/],
  ['a shape that overflows', fileOf(`{"a":${entry(0, 8, { shape: [2 ** 52, 2 ** 52] })}}`, eight), /8 bytes for/],
  ['a negative size', fileOf(`{"a":${entry(0, 8, { shape: [-2] })}}`, eight), /no list of sizes/],
  ['half an element', fileOf(`{"a":${entry(0, 8, { shape: [1.5] })}}`, eight), /no list of sizes/],
  ['sizes in words', fileOf(`{"a":${entry(0, 8, { shape: '2' })}}`, eight), /no list of sizes/],
  [
    'half precision',
    fileOf(`{"a":${entry(0, 8, { dtype: 'F16', shape: [4] })}}`, eight),
    /"a" is of "F16": F64, F32, I32/,
  ],
  ['a field of no format', fileOf(`{"a":${entry(0, 8, { more: 1 })}}`, eight), /"more" is no field/],
  ['a tensor that is none', fileOf('{"a":null}'), /not described/],
  ['metadata that is no text', fileOf('{"__metadata__":{"a":1}}'), /"a" is no text/],
  ['metadata that is a text', fileOf('{"__metadata__":"a"}'), /no object/],
]

describe('what is refused', () => {
  for (const [name, file, message] of hostile)
    test(name, () => {
      assert.throws(() => decodeSafetensors(file), invalid(message))
    })
  test('names come into messages on one line, short and harmless', () => {
    const file = fileOf(`{"\\u001b[2J\\n\\u009b${'x'.repeat(500)}":1}`)
    assert.throws(
      () => decodeSafetensors(file),
      invalid(/^SAFETENSORS_INVALID: tensor "[\x20-\x7e]{1,100}…" is not described by an object$/),
    )
  })
  test('names of prototypes are names', () => {
    const file = fileOf(`{"__proto__":${entry(0, 4)},"constructor":${entry(4, 8)}}`, eight)
    assert.deepEqual(
      decodeSafetensors(file).tensors.map(({ name }) => name),
      ['__proto__', 'constructor'],
    )
    assert.equal(({} as Record<string, unknown>).dtype, undefined)
  })
  test('whatever bytes are flipped, an answer or that code', () => {
    const whole = encodeSafetensors([encodeTensor('a', Float32Array.of(1, 2)), encodeTensor('b', Float64Array.of(3))], {
      algorithm: 'two-tower',
    })
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(flips, changed => {
        const file = Buffer.from(whole)
        for (const [at, byte] of changed) file[at] = byte
        try {
          const { tensors } = decodeSafetensors(file)
          assert.equal(
            tensors.reduce((sum, { data }) => sum + data.length, 0),
            16,
          )
        } catch (error) {
          assert.ok(isCode(error, 'SAFETENSORS_INVALID'), String(error))
        }
      }),
      { numRuns: 2000 },
    )
  })
})
