import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { firstHead, headOf, interleaved } from '../../../src/learner/towers/heads.ts'
import { initialParameters, parameterShapes } from '../../../src/learner/towers/parameters.ts'
import { createTowers, logit } from '../../../src/learner/towers/towers.ts'
import { createRandom } from '../../../src/state/random.ts'

const random = createRandom(4)
const normals = (length: number) => Float32Array.from({ length }, random.normal)
const shapeOf = (heads: number) => ({ stateDimensions: 3, itemDimensions: 2, hidden: 8, embedding: 4, heads })

describe('logits side by side', () => {
  for (const heads of [1, 2, 3])
    test(`${heads}: each is found again`, () => {
      const parts = Array.from({ length: heads }, () => normals(6))
      const all = interleaved(parts)
      assert.deepEqual(
        Array.from({ length: heads }, (_, head) => headOf(all, head, heads)),
        parts,
      )
    })
})

describe('the first head alone', () => {
  for (const heads of [1, 2, 3])
    test(`of ${heads} has the logits and the value that it had among them`, () => {
      const weights = initialParameters(shapeOf(heads), 5)
      for (const name of ['user/embedding/bias', 'item/embedding/bias'] as const) weights[name].set(normals(4 * heads))
      const alone = firstHead({ shape: shapeOf(heads), weights })
      assert.deepEqual(parameterShapes(alone.shape), parameterShapes(shapeOf(1)))
      const [all, one] = [createTowers(weights), createTowers(alone.weights)]
      const [state, item] = [Float64Array.from(normals(3)), normals(2)]
      const expected = logit(all.user(state).embedding, all.item(item), 0, heads)
      assert.equal(logit(one.user(state).embedding, one.item(item)), expected)
      assert.equal(one.user(state).value, all.user(state).value)
    })
})
