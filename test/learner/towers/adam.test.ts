import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AdamState, type Arrays, adamStep } from '../../../src/learner/towers/adam.ts'

const start = () => {
  const weights: Arrays = { a: Float32Array.of(1, -2), b: Float32Array.of(3) }
  const zeros = (): Arrays => ({ a: new Float32Array(2), b: new Float32Array(1) })
  const state: AdamState<Arrays> = { first: zeros(), second: zeros(), steps: 0 }
  return { weights, state }
}
const usual = { learningRate: 0.5, maxGradientNorm: 10 }

test('the first step goes by the learning rate, against the sign of the gradient', () => {
  const { weights, state } = start()
  const norm = adamStep(weights, { a: Float32Array.of(3, 0), b: Float32Array.of(-4) }, state, usual)
  assert.equal(norm, 5)
  assert.deepEqual(weights, { a: Float32Array.of(0.5, -2), b: Float32Array.of(3.5) })
  assert.equal(state.steps, 1)
})

const refused = [
  ['a gradient that is none', Float32Array.of(Number.NaN), usual, {}],
  ['a norm that is not finite', Float32Array.of(1), usual, { b: 1e200 }],
  ['a rate that takes a weight beyond float32', Float32Array.of(1), { ...usual, learningRate: 1e39 }, {}],
  ['a unit that does', Float32Array.of(1e-9), usual, { b: 1e39 }],
] as const
for (const [what, b, options, units] of refused)
  test(`${what}: nothing is changed`, () => {
    const [before, after] = [start(), start()]
    assert.equal(adamStep(after.weights, { a: Float32Array.of(1, 1), b }, after.state, options, units), null)
    assert.deepEqual(after, before)
  })
