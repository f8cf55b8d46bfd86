import assert from 'node:assert/strict'
import { test } from 'node:test'
import avro from 'avsc'
import { compile } from '../../src/log/wire/types.ts'

const ours = compile('string')
const plain = avro.Type.forSchema('string')

const texts = [
  ...[0, 1, 62, 63, 64, 65, 200].map(length => 'a'.repeat(length)),
  ...['\0', '\x7f', '\x80', 'é', '\ud800', 'a\udc00', '中', '👍'].flatMap(text => [
    text,
    `${'a'.repeat(62)}${text}`,
    `${text}${'a'.repeat(62)}`,
    text.repeat(30),
  ]),
]

test('a text is laid out as avsc does, however long it is and whatever it holds', () => {
  for (const text of texts) assert.deepEqual(ours.toBuffer(text), plain.toBuffer(text), JSON.stringify(text))
})

test('where there is no room for a text, as much is missing as avsc says', () => {
  for (const text of texts) {
    const { length } = plain.toBuffer(text)
    for (const room of [0, 1, length - 1, length, length + 1].filter(size => size >= 0)) {
      const [one, other] = [Buffer.alloc(room), Buffer.alloc(room)]
      assert.equal(ours.encode(text, one, 0), plain.encode(text, other, 0), `${JSON.stringify(text)} in ${room}`)
      if (length <= room) assert.deepEqual(one, other)
    }
  }
})

test('what is no text is refused', () => {
  for (const value of [null, undefined, 1, ['a'], { length: 1 }, Buffer.from('a')])
    assert.throws(() => ours.toBuffer(value), /invalid "string"/)
})
