/** The encoding by the documentation's own examples, and the graph's wiring. What it computes: python-weights.ts. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { bytes, message, whole } from '../../src/exchange/onnx/protobuf.ts'
import { onnxOf } from '../../src/exchange/onnx/towers.ts'
import { parameterNames } from '../../src/learner/towers/parameters.ts'
import { encodeTraining, startTraining } from '../../src/learner/towers/training.ts'
import { versionOf } from '../learner/examples.ts'

const shape = { stateDimensions: 200, itemDimensions: 7, hidden: 16, embedding: 8 }
const checkpoint = { baseVersion: null, ...encodeTraining(startTraining(shape, 1), shape) }
const model = versionOf(checkpoint, { algorithm: 'two-tower' })

describe('Protocol Buffers', () => {
  test('as protobuf.dev encodes', () => {
    assert.equal(whole(1, 150).toString('hex'), '089601')
    assert.equal(bytes(2, 'testing').toString('hex'), '120774657374696e67')
    assert.equal(message(3, [whole(1, 150)]).toString('hex'), '1a03089601')
    assert.equal(whole(16, 0).toString('hex'), '800100')
    assert.equal(whole(1, 2 ** 40).toString('hex'), '08808080808020')
  })
})

/** Fields of a message by number: numbers, or the bytes of what is delimited. */
function fieldsOf(buffer: Buffer): Map<number, (number | Buffer)[]> {
  const fields = new Map<number, (number | Buffer)[]>()
  let at = 0
  const varint = (): number => {
    for (let value = 0, place = 1; ; place *= 128) {
      const byte = buffer[at++]
      value += (byte & 127) * place
      if (byte < 128) return value
    }
  }
  while (at < buffer.length) {
    const key = varint()
    const size = varint()
    const isDelimited = key % 8 === 2
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), isDelimited ? buffer.subarray(at, at + size) : size])
    if (isDelimited) at += size
  }
  return fields
}
const texts = (fields: Map<number, (number | Buffer)[]>, number: number): string[] =>
  (fields.get(number) ?? []).map(String)
const messages = (fields: Map<number, (number | Buffer)[]>, number: number) =>
  (fields.get(number) ?? []).map(each => fieldsOf(each as Buffer))

describe('the model', () => {
  const [graph] = messages(fieldsOf(onnxOf(model)), 7)
  test('every node reads what is there before it, and the outputs are made', () => {
    const known = new Set([...messages(graph, 5).flatMap(each => texts(each, 8)), 'state', 'items'])
    for (const node of messages(graph, 1)) {
      for (const input of texts(node, 1)) assert.ok(known.has(input), `${texts(node, 4)} reads ${input}`)
      for (const output of texts(node, 2)) {
        assert.ok(!known.has(output), `${output} is made twice`)
        known.add(output)
      }
    }
    for (const name of ['logits', 'value']) assert.ok(known.has(name), name)
  })
  test('all parameters are in it, with all their elements', () => {
    const tensors = new Map(messages(graph, 5).map(each => [texts(each, 8)[0], each]))
    for (const name of parameterNames) {
      const own = model.tensors.find(each => each.name === `weights/${name}`)!
      assert.deepEqual(tensors.get(name)?.get(1), own.shape, name)
      assert.deepEqual(tensors.get(name)?.get(9)?.[0], own.data, name)
    }
  })
  test('of two-tower it is the head that serves, of others all heads are there', () => {
    const training = startTraining({ ...shape, heads: 2 }, 1)
    const exported = (algorithm: string) => {
      const version = versionOf(
        { baseVersion: null, ...encodeTraining(training, { ...shape, heads: 2 }) },
        { algorithm },
      )
      const [graph] = messages(fieldsOf(onnxOf(version)), 7)
      return messages(graph, 5)
        .find(each => texts(each, 8)[0] === 'user/embedding/bias')!
        .get(1)
    }
    assert.deepEqual(exported('two-tower'), [shape.embedding])
    assert.deepEqual(exported('slate-q'), [2 * shape.embedding])
  })
  test('a version without towers is refused', () => {
    const linear = versionOf({ baseVersion: null, parameters: {}, tensors: [] })
    assert.throws(
      () => onnxOf(linear),
      (error: Error) =>
        isCode(error, 'MODEL_INCOMPATIBLE') && error.message.includes(`${linear.algorithm}, which has no network`),
    )
  })
})
