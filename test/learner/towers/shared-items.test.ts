/** An item that several decisions share is computed once, and everything is as if each had its own. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { networkBatch } from '../../../src/learner/gradient/batch.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { createNetwork } from '../../../src/learner/towers/network.ts'
import { initialParameters, parameterNames } from '../../../src/learner/towers/parameters.ts'
import { createRandom } from '../../../src/state/random.ts'

const tensorflow = await loadTensorFlow()
const random = createRandom(4)
const vectors = Array.from({ length: 5 }, () => Float32Array.from({ length: 2 }, random.normal))
const lists = [[0, 1, 2, 3], [3, 1], [4], [0, 0, 4]]
const states = lists.map(() => Float64Array.from({ length: 3 }, random.normal))
const decisions = (own: (vector: Float32Array) => Float32Array) =>
  lists.map((list, b) => ({ state: states[b], candidates: list.map(i => own(vectors[i])) }))

for (const heads of [1, 2])
  describe(`items shared by decisions, ${heads} heads`, () => {
    const shape = { stateDimensions: 3, itemDimensions: 2, hidden: 8, embedding: 4, heads }
    const shared = networkBatch(
      decisions(vector => vector),
      shape,
    )
    const apart = networkBatch(
      decisions(vector => vector.slice()),
      shape,
    )
    const network = createNetwork(tensorflow, shape)
    const weights = initialParameters(shape, 7)
    const width = 4 * heads
    const gradient = {
      logitGradient: Float32Array.from({ length: lists.length * width }, random.normal),
      valueGradient: Float32Array.from({ length: lists.length }, random.normal),
    }
    const close = (a: Float32Array, b: Float32Array) =>
      a.forEach((each, i) => {
        assert.ok(Math.abs(each - b[i]) < 1e-5 * Math.max(1, Math.abs(b[i])), `${each}, ${b[i]}`)
      })

    test('are in a batch once', () => {
      assert.deepEqual([shared.items.length / 2, apart.items.length / 2], [5, 10])
      assert.deepEqual([...shared.rows!.subarray(4, 8)], [3, 1, -1, -1])
    })
    test('have the same logits, none at padding', () => {
      const { logits, values } = network.forward(weights, shared)
      const expected = network.forward(weights, apart)
      close(logits, expected.logits)
      close(values, expected.values)
      lists.forEach((list, b) => {
        const padding = logits.subarray(b * width + list.length * heads, (b + 1) * width)
        assert.ok(padding.every(each => each === 0))
      })
    })
    test('have the same gradients, whatever is stated at padding', () => {
      const [made, expected] = [shared, apart].map(batch => network.gradients(weights, batch, () => gradient))
      for (const name of parameterNames) close(made[name], expected[name])
      const moved = { ...gradient, logitGradient: gradient.logitGradient.slice() }
      moved.logitGradient[width + 2 * heads] += 5
      assert.deepEqual(
        network.gradients(weights, shared, () => moved),
        made,
      )
    })
  })
