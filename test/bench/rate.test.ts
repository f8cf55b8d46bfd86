/** What the learner's benchmarks tell it: sessions whose decisions are found, on the backend that the bar names. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { inPass } from '../../bench/learner/kafka.ts'
import { backendWith, onWasm, transitionsOf } from '../../bench/sequences/rate.ts'
import { createBuffer } from '../../src/learner/replay/buffer.ts'
import { segmentFrom } from '../../src/learner/replay/segments.ts'
import { exampleOf } from '../learner/examples.ts'

const SESSION = 20
const state = Float64Array.of(1)

describe('sessions that are told several times', () => {
  const told = [0, 1].flatMap(pass => transitionsOf(2 * SESSION).map(transition => inPass(transition, pass)))
  const buffer = createBuffer(told.length, true)
  for (const transition of told)
    buffer.put(exampleOf(state, transition, { nextState: transition.next_state ? state : null }))

  test('are segments of all their decisions, and of no others', () => {
    const starts = told.filter(({ session_step }) => session_step === 0)
    assert.equal(starts.length, 4)
    for (const { transition_id, session_id } of starts) {
      const segment = segmentFrom(buffer, buffer.find(transition_id)!, 2 * SESSION)
      assert.equal(segment.length, SESSION)
      for (const { example } of segment) assert.equal(example.transition.session_id, session_id)
    }
    assert.equal(new Set(starts.map(({ session_id }) => session_id)).size, 4)
  })
})

describe('the rate', () => {
  test('is measured on wasm', () => assert.equal(backendWith(onWasm), 'wasm'))

  test('native TensorFlow is kept out also where it is installed', () => {
    const load = [...onWasm, '-e', "require('@tensorflow/tfjs-node')"]
    const { status, stderr } = spawnSync(process.execPath, load, { encoding: 'utf8' })
    assert.notEqual(status, 0)
    assert.match(stderr, /kept out/)
  })
})
