/**
 * The sentence encoder: everything but the model's own numbers through a stand-in of its two packages; and on a real model
 * when there is one: FEEDLOOP_MINILM names a folder with an all-MiniLM-L6-v2 and, in its node_modules, onnxruntime-node
 * and @huggingface/tokenizers.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { readJester } from '../../src/environments/jester.ts'
import { isCode } from '../../src/errors.ts'
import type { Encoder } from '../../src/features/encoder.ts'
import { createOnnxEncoder } from '../../src/features/onnx.ts'
import { realData } from '../real-data.ts'

const folder = process.env.FEEDLOOP_MINILM
const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i], 0)
const encode = (encoder: Encoder, ...texts: string[]) =>
  encoder.encode(texts.map(text => ({ id: '', text, attributes: {} })))

test('without its packages it names the command that installs them', async t => {
  if (!folder || !existsSync(folder))
    t.diagnostic('FEEDLOOP_MINILM names no folder: only a stand-in of the model is tested')
  const bare = mkdtempSync(join(tmpdir(), 'feedloop-onnx-'))
  await assert.rejects(createOnnxEncoder(bare, 32), error => {
    assert.ok(isCode(error, 'DEPENDENCY_MISSING'))
    assert.match(String(error), /npm install --prefix .* onnxruntime-node @huggingface\/tokenizers/)
    return true
  })
  rmSync(bare, { recursive: true })
})

test('a package that is broken, and a folder without a model, are told apart', async () => {
  const broken = mkdtempSync(join(tmpdir(), 'feedloop-onnx-'))
  const put = (name: string, source: string) => {
    mkdirSync(join(broken, 'node_modules', name), { recursive: true })
    writeFileSync(join(broken, 'node_modules', name, 'index.js'), source)
  }
  put('onnxruntime-node', 'throw new Error("wrong libc")')
  await assert.rejects(createOnnxEncoder(broken, 32), /DEPENDENCY_MISSING: onnxruntime-node does not load: wrong libc/)
  put('onnxruntime-node', 'module.exports = {}')
  put('@huggingface/tokenizers', 'module.exports = {}')
  // another folder: a module that failed once is not loaded again
  const empty = mkdtempSync(join(tmpdir(), 'feedloop-onnx-'))
  mkdirSync(join(empty, 'node_modules'))
  for (const name of ['onnxruntime-node', '@huggingface/tokenizers']) {
    mkdirSync(join(empty, 'node_modules', name), { recursive: true })
    writeFileSync(join(empty, 'node_modules', name, 'index.js'), 'module.exports = {}')
  }
  await assert.rejects(createOnnxEncoder(empty, 32), error => isCode(error, 'DATA_MISSING'))
  for (const each of [broken, empty]) rmSync(each, { recursive: true })
})

/**
 * A tokenizer that gives each character its code between 101 and 102, and a model whose hidden vector of a token is
 * [id, 1, mask, segment]; of padding it is far away, so that one padded token in a mean would show. What it was fed is kept.
 */
const standIn = {
  '@huggingface/tokenizers': `
    exports.Tokenizer = class {
      constructor(tokenizer, config) { this.offset = tokenizer.offset + config.offset }
      encode(text) { return { ids: [101, ...[...text].map(c => c.charCodeAt(0) + this.offset), 102] } }
    }`,
  'onnxruntime-node': `
    exports.Tensor = class {
      constructor(type, data, dims) { Object.assign(this, { type, data, dims }) }
    }
    exports.fed = []
    exports.InferenceSession = {
      async create(model, options) {
        if (require('node:fs').readFileSync(model, 'utf8') !== 'model') throw new Error('not a model')
        return {
          inputNames: ['token_type_ids', 'input_ids', 'attention_mask'],
          outputNames: ['last_hidden_state', 'pooler_output'],
          async run({ input_ids: ids, attention_mask: mask, token_type_ids: segments }) {
            exports.fed.push({ dims: ids.dims, ids: [...ids.data].map(Number), mask: [...mask.data].map(Number), type: ids.type })
            const hidden = [...ids.data].flatMap((id, i) =>
              mask.data[i] ? [Number(id), 1, Number(mask.data[i]), Number(segments.data[i])] : [-1e9, 1e9, -1e9, 1e9])
            return { last_hidden_state: { data: Float32Array.from(hidden), dims: [...ids.dims, 4] }, pooler_output: null }
          },
          async release() { exports.released = true },
        }
      },
    }`,
}

interface StandIn {
  readonly fed: readonly { dims: number[]; ids: number[]; mask: number[]; type: string }[]
  readonly released?: boolean
}

describe('with a stand-in of its packages', () => {
  const place = mkdtempSync(join(tmpdir(), 'feedloop-onnx-'))
  const put = (name: string, content: string) => {
    mkdirSync(dirname(join(place, name)), { recursive: true })
    writeFileSync(join(place, name), content)
  }
  for (const [name, source] of Object.entries(standIn)) put(`node_modules/${name}/index.js`, source)
  put('onnx/model.onnx', 'model')
  put('tokenizer.json', '{"offset":0}')
  put('tokenizer_config.json', '{"offset":0}')
  const runtime = createRequire(join(place, 'index.js'))('onnxruntime-node') as StandIn
  after(() => rmSync(place, { recursive: true }))

  /** By the definition: the mean over the sentence's tokens, to length 1. */
  const expected = (text: string): number[] => {
    const codes = [...text].map(c => c.charCodeAt(0))
    const ids = [101, ...codes.slice(0, 254), 102]
    const mean = [ids.reduce((sum, id) => sum + id, 0) / ids.length, 1, 1, 0]
    return mean.map(x => x / Math.hypot(...mean))
  }
  const assertNear = (vector: Float32Array, wanted: readonly number[]) => {
    assert.equal(vector.length, wanted.length)
    for (const [i, x] of wanted.entries()) assert.ok(Math.abs(vector[i] - x) < 1e-6, `${vector} is not ${wanted}`)
  }

  test('a vector is the mean of its own tokens, not of the padding', async () => {
    const encoder = await createOnnxEncoder(place, 4)
    const texts = ['a longer text', 'z', '', 'of some']
    const vectors = await encode(encoder, ...texts)
    for (const [i, text] of texts.entries()) assertNear(vectors[i], expected(text))
    const { dims, mask, ids, type } = runtime.fed.at(-1)!
    assert.deepEqual([dims, type], [[4, 15], 'int64'])
    // shortest first: '' is two tokens and thirteen of padding
    assert.deepEqual(mask.slice(0, 15), [1, 1, ...new Array(13).fill(0)])
    assert.deepEqual(ids.slice(15, 30), [101, 122, 102, ...new Array(12).fill(0)])
  })

  test('vectors come back in the order of the texts, over many batches of like lengths', async () => {
    const encoder = await createOnnxEncoder(place, 4)
    const texts = Array.from({ length: 50 }, (_, i) => String.fromCharCode(97 + (i % 26)).repeat((i * 37) % 50))
    const before = runtime.fed.length
    const vectors = await encode(encoder, ...texts)
    for (const [i, text] of texts.entries()) assertNear(vectors[i], expected(text))
    const widths = runtime.fed.slice(before).map(({ dims }) => dims[1])
    assert.deepEqual(
      widths,
      widths.toSorted((a, b) => a - b),
    )
    assert.deepEqual(
      runtime.fed.slice(before).map(({ dims }) => dims[0]),
      [16, 16, 16, 2],
    )
  })

  test('a long text is cut to what the model takes, and keeps its closing token', async () => {
    const encoder = await createOnnxEncoder(place, 4)
    const [fits, cut] = await encode(encoder, 'x'.repeat(254), `${'x'.repeat(254)}${'~'.repeat(5000)}`)
    const { dims, ids } = runtime.fed.at(-1)!
    assert.deepEqual(dims, [2, 256])
    assert.deepEqual([ids[255], ids[511]], [102, 102])
    assert.deepEqual(cut, fits)
  })

  test('attributes are read with the text; the model and its dimensions name the version', async () => {
    const encoder = await createOnnxEncoder(place, 4)
    const [vector] = await encoder.encode([{ id: 'i', text: 'A film', attributes: { year: 1999 } }])
    assertNear(vector, expected('A film. year: 1999'))
    const other = await createOnnxEncoder(place, 8)
    assert.notEqual(other.version, encoder.version)
    const [wide] = await encode(other, 'A film')
    assertNear(wide, [...expected('A film'), 0, 0, 0, 0])
    put('onnx/model_quantized.onnx', 'no model')
    await assert.rejects(
      createOnnxEncoder(place, 4),
      /DATA_MISSING: .*model_quantized\.onnx does not load: not a model/,
    )
    rmSync(join(place, 'onnx/model_quantized.onnx'))
  })

  test('closing gives the model back', async () => {
    const encoder = await createOnnxEncoder(place, 4)
    await encoder.close!()
    assert.equal(runtime.released, true)
  })
})

if (folder && existsSync(folder)) {
  test('sentences of one meaning are close, others far, in all dimensions and in few', async () => {
    for (const [dimensions, near, far] of [
      [384, 0.85, 0.15],
      [64, 0.75, 0.35],
    ]) {
      const encoder = await createOnnxEncoder(folder, dimensions)
      const [film, movie, npm] = await encode(
        encoder,
        'a comedy film about a talking dog',
        'a funny movie with a dog that speaks',
        'install the package with npm',
      )
      assert.equal(film.length, dimensions)
      assert.ok(dot(film, movie) > near, `${dot(film, movie)}`)
      assert.ok(dot(film, npm) < far, `${dot(film, npm)}`)
      await encoder.close!()
    }
  })

  test('a text gets the same vector in any company, however long', async () => {
    const encoder = await createOnnxEncoder(folder, 384)
    const [alone] = await encode(encoder, 'a talking dog')
    const long = 'word '.repeat(2000)
    const crowd = await encode(
      encoder,
      long,
      ...Array.from({ length: 20 }, (_, i) => `text number ${i}`),
      'a talking dog',
    )
    assert.ok(dot(alone, crowd.at(-1)!) > 0.98, `${dot(alone, crowd.at(-1)!)}`)
    assert.ok(Math.abs(dot(crowd[0], crowd[0]) - 1) < 1e-3)
    await encoder.close!()
  })

  const jester = join(realData, 'jester')
  test('real texts encode', async t => {
    if (!existsSync(jester)) t.diagnostic(`no jokes in ${jester}: made-up texts instead`)
    const made = Array.from({ length: 100 }, (_, i) => ({ text: `a joke about ${i} cats and ${100 - i} dogs` }))
    const jokes = existsSync(jester) ? readJester(jester).jokes : made
    const encoder = await createOnnxEncoder(folder, 32)
    const vectors = await encode(encoder, ...jokes.map(joke => joke.text))
    assert.equal(vectors.length, 100)
    for (const vector of vectors) assert.ok(Math.abs(dot(vector, vector) - 1) < 1e-3)
    await encoder.close!()
  })
}
