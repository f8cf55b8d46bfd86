/** The network's gradients, with one head and several, by rows and where decisions share items. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { networkBatch } from '../../../src/learner/gradient/batch.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { createNetwork, type NetworkBatch } from '../../../src/learner/towers/network.ts'
import { initialParameters, parameterNames } from '../../../src/learner/towers/parameters.ts'
import { createTowers, logit } from '../../../src/learner/towers/towers.ts'
import { createRandom } from '../../../src/state/random.ts'

const tensorflow = await loadTensorFlow()
const [B, K, S, D] = [5, 4, 3, 2]
const random = createRandom(2)
const normals = (length: number) => Float32Array.from({ length }, random.normal)
const catalogue = [0, 1, 2].map(() => normals(D))
/** The same item may be there twice, even in one decision. */
const decisions = Array.from({ length: B }, (_, b) => ({
  state: Float64Array.from(normals(S)),
  candidates: Array.from({ length: K }, (_, k) => catalogue[(b * k) % 3]),
}))
const flat = (vectors: readonly Float32Array[]) => Float32Array.from(vectors.flatMap(vector => [...vector]))
const common = { states: flat(decisions.map(({ state }) => Float32Array.from(state))), size: B, candidates: K }
const batches: Record<string, NetworkBatch> = {
  'by rows': { ...common, items: flat(decisions.flatMap(({ candidates }) => candidates)) },
  shared: {
    ...common,
    items: flat(catalogue),
    index: Int32Array.from(decisions.flatMap(({ candidates }) => candidates.map(each => catalogue.indexOf(each)))),
  },
}

for (const heads of [1, 2]) {
  const shape = { stateDimensions: S, itemDimensions: D, hidden: 8, embedding: 4, heads }
  const network = createNetwork(tensorflow, shape)
  const weights = initialParameters(shape, 7)
  for (const name of parameterNames)
    for (let i = 0; i < weights[name].length; i++) weights[name][i] += 0.1 * random.normal()
  const at = { logitGradient: normals(B * K * heads), valueGradient: normals(B) }
  const sum = (a: Float32Array, b: Float32Array) => a.reduce((total, each, i) => total + each * b[i], 0)

  for (const [name, batch] of Object.entries(batches))
    describe(`${heads} heads, ${name}`, () => {
      const surrogate = () => {
        const { logits, values } = network.forward(weights, batch)
        return sum(logits, at.logitGradient) + sum(values, at.valueGradient)
      }
      test('gradients against finite differences', () => {
        const gradients = network.gradients(weights, batch, () => at)
        for (const parameter of parameterNames)
          weights[parameter].forEach((before, i) => {
            const by = 0.001
            weights[parameter][i] = before + by
            const above = surrogate()
            weights[parameter][i] = before - by
            const below = surrogate()
            weights[parameter][i] = before
            const expected = (above - below) / (2 * by)
            const error = Math.abs(gradients[parameter][i] - expected)
            assert.ok(error < 0.02 * Math.max(1, Math.abs(expected)), `${parameter}[${i}]`)
          })
      })
      test('outputs are those of the plain towers', () => {
        const { logits, values } = network.forward(weights, batch)
        const towers = createTowers(weights)
        decisions.forEach(({ state, candidates }, b) => {
          const { embedding, value } = towers.user(state)
          assert.ok(Math.abs(values[b] - value) < 1e-5)
          candidates.forEach((vector, k) => {
            for (let head = 0; head < heads; head++) {
              const expected = logit(embedding, towers.item(vector), head, heads)
              assert.ok(Math.abs(logits[(b * K + k) * heads + head] - expected) < 1e-5)
            }
          })
        })
      })
    })
}

describe('a batch', () => {
  const shape = { stateDimensions: S, itemDimensions: D }
  test('shares items where there are few', () => {
    const { items, index, ...rest } = networkBatch(decisions, shape)
    assert.deepEqual(rest, common)
    decisions.forEach(({ candidates }, b) => {
      candidates.forEach((vector, k) => {
        const from = index![b * K + k] * D
        assert.deepEqual(items.slice(from, from + D), vector)
      })
    })
    assert.equal(items.length, catalogue.length * D)
  })
  test('has a row each where they differ, zeros after a short list', () => {
    const different = decisions.map(({ state }, b) => ({
      state,
      candidates: Array.from({ length: b === 1 ? K - 1 : K }, () => normals(D)),
    }))
    const { items, index } = networkBatch(different, shape)
    assert.equal(index, undefined)
    const rows = different.flatMap(({ candidates }, b) => [...candidates, ...(b === 1 ? [new Float32Array(D)] : [])])
    assert.deepEqual(items, flat(rows))
  })
})
