/**
 * The sentence encoder, on a real model when there is one: FEEDLOOP_MINILM names a folder with an all-MiniLM-L6-v2 and, in
 * its node_modules, onnxruntime-node and @huggingface/tokenizers. Without it what can be tested is that it says so.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readJester } from '../../src/environments/jester.ts'
import { isCode } from '../../src/errors.ts'
import type { Encoder } from '../../src/features/encoder.ts'
import { createOnnxEncoder } from '../../src/features/onnx.ts'

const folder = process.env.FEEDLOOP_MINILM
const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i], 0)
const encode = (encoder: Encoder, ...texts: string[]) =>
  encoder.encode(texts.map(text => ({ id: '', text, attributes: {} })))

test('without its packages it names the command that installs them', async t => {
  if (!folder || !existsSync(folder))
    t.diagnostic('FEEDLOOP_MINILM names no folder: the sentence encoder itself is NOT tested')
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

  const jester = join(process.env.FEEDLOOP_DATA ?? join(import.meta.dirname, '../../../shared/data'), 'jester')
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
