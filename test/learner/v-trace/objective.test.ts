import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { objective, type Segment } from '../../../src/learner/v-trace/objective.ts'
import { vtrace } from '../../../src/learner/v-trace/targets.ts'
import { createRandom } from '../../../src/state/random.ts'
import { assertGradients } from '../gradient/finite-differences.ts'

const options = {
  maxImportanceWeight: 1.5,
  maxTraceWeight: 1,
  entropy: 0.1,
  minEntropy: 0,
  valueLoss: 0.5,
  valueUnit: 1.3,
  advantageScale: 0.7,
}
const random = createRandom(3)
const K = 4
const segments: Segment[] = [3, 1, 2].map(length => ({
  steps: Array.from({ length }, (_, t) => ({
    action: t % 3,
    candidates: t === 2 ? 3 : K,
    propensity: 0.1 + 0.9 * random.uniform(),
    reward: random.normal(),
    discount: t === 1 ? 0 : 0.9,
    weight: 0.5 + random.uniform(),
  })),
  nextValue: random.normal(),
}))
const rows = segments.flatMap(({ steps }) => steps)
const logits = Float32Array.from({ length: rows.length * K }, random.normal)
const values = Float32Array.from({ length: rows.length }, random.normal)

const probabilities = (from: Float32Array, b: number): number[] => {
  const exps = [...from.subarray(b * K, b * K + rows[b].candidates)].map(Math.exp)
  const total = exps.reduce((sum, each) => sum + each, 0)
  return exps.map(each => each / total)
}
const ratios = rows.map(({ action, propensity }, b) => probabilities(logits, b)[action] / propensity)
const targets = new Float64Array(rows.length)
const advantages = new Float64Array(rows.length)
let from = 0
for (const { steps, nextValue } of segments) {
  const part = <T extends { subarray(a: number, b: number): T }>(array: T): T =>
    array.subarray(from, from + steps.length)
  const trace = {
    rewards: steps.map(step => step.reward),
    discounts: steps.map(step => step.discount),
    values: part(values),
    ratios: ratios.slice(from, from + steps.length),
    nextValue,
  }
  vtrace(trace, options, part(targets), part(advantages))
  from += steps.length
}

/** By its definition, with ρ, A and v held where they are at `logits` and `values`. */
const plainLoss = (theseLogits: Float32Array, theseValues: Float32Array): number =>
  rows.reduce((sum, { action, weight }, b) => {
    const p = probabilities(theseLogits, b)
    const entropy = -p.reduce((h, each) => h + each * Math.log(each), 0)
    const rho = Math.min(options.maxImportanceWeight, ratios[b])
    const policy = -((rho * advantages[b]) / options.advantageScale) * Math.log(p[action])
    const value = options.valueLoss * 0.5 * ((theseValues[b] - targets[b]) / options.valueUnit) ** 2
    return sum + (weight / rows.length) * (policy + value - options.entropy * entropy)
  }, 0)

describe('the V-trace loss', () => {
  const result = objective(segments, logits, values, options)

  test('as defined', () => assert.ok(Math.abs(result.stats.loss - plainLoss(logits, values)) < 1e-6))
  test('gradients against finite differences', () => assertGradients(result, plainLoss, logits, values))
  test('no gradient at padding', () => {
    const padded = rows.flatMap(({ candidates }, b) => (candidates < K ? [b * K + K - 1] : []))
    assert.deepEqual([padded.length, ...padded.map(i => result.logitGradient[i])], [1, 0])
  })
  test('below the bound of the entropy only values and the bonus are left', () => {
    const bound = objective(segments, logits, values, { ...options, minEntropy: 2 })
    assert.equal(bound.withheld, 'entropy_bound')
    assert.deepEqual(bound.valueGradient, result.valueGradient)
    const bonus = (theseLogits: Float32Array, theseValues: Float32Array): number =>
      rows.reduce((sum, { weight }, b) => {
        const entropy = -probabilities(theseLogits, b).reduce((h, each) => h + each * Math.log(each), 0)
        const value = options.valueLoss * 0.5 * ((theseValues[b] - targets[b]) / options.valueUnit) ** 2
        return sum + (weight / rows.length) * (value - options.entropy * entropy)
      }, 0)
    assertGradients(bound, bonus, logits, values)
  })
  test('tells of its weights', () => {
    const { importance, importance_weight_max: most, clipped } = result.stats
    const capped = ratios.map(ratio => Math.min(ratio, 1.5))
    assert.ok(Math.abs(importance - capped.reduce((sum, each) => sum + each, 0) / rows.length) < 1e-9)
    assert.ok(Math.abs(most - Math.max(...ratios)) < 1e-9)
    assert.equal(clipped, ratios.filter(ratio => ratio > 1.5).length / rows.length)
  })
})
