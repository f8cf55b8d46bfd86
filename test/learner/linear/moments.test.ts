import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  addMoments,
  createMoments,
  decodeMoments,
  encodeMoments,
  noiseVariance,
  sumOfSquares,
} from '../../../src/learner/linear/moments.ts'
import { transitionOf } from '../examples.ts'

const components = new Map([
  ['click', 0],
  ['buy', 1],
])

test('revisions in any order give the squares of the final rewards', () => {
  const reward = fc.double({ min: -10, max: 10, noNaN: true })
  const decision = fc.record({ click: reward, buy: reward, before: reward })
  fc.assert(
    fc.property(fc.array(decision, { minLength: 3, maxLength: 20 }), fc.boolean(), (decisions, reversed) => {
      const moments = createMoments()
      const revisions = decisions.flatMap(({ click, buy, before }) => [
        transitionOf({ delta: { click: before }, cumulative: { click: before } }),
        transitionOf({ kind: 'reward', delta: { click: click - before, buy }, cumulative: { click, buy } }),
      ])
      for (const each of reversed ? revisions.reverse() : revisions) addMoments(moments, each, components, 1)
      const totals = decisions.map(({ click, buy }) => 2 * click - buy)
      const squares = totals.reduce((sum, x) => sum + x * x, 0)
      assert.ok(Math.abs(sumOfSquares(moments, [2, -1]) - squares) < 1e-8 * Math.max(1, squares))
      assert.equal(moments.weight, decisions.length)
      assert.deepEqual(decodeMoments(encodeMoments(moments)), moments)
    }),
  )
})

test('noise: 1 while nothing is known of the scale, then what is left unexplained', () => {
  assert.equal(noiseVariance(0, 0, 0), 1)
  assert.equal(noiseVariance(0, 0, 50), 1)
  assert.equal(noiseVariance(99, 99, 99), 0.01)
  assert.ok(Math.abs(noiseVariance(1000, 900, 999) - 0.1) < 0.002)
  assert.ok(noiseVariance(10, 11, 100) > 0)
})
