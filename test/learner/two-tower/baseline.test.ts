import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isCode } from '../../../src/errors.ts'
import { createBaseline, criticInFull, isHeldOut, type Outcome } from '../../../src/learner/two-tower/baseline.ts'
import { createRandom } from '../../../src/state/random.ts'
import { versionOf } from '../examples.ts'

const modelOf = (parameters: Record<string, number>) => versionOf({ baseVersion: null, parameters, tensors: [] })

const close = (a: number, b: number, tolerance = 1e-9) => assert.ok(Math.abs(a - b) <= tolerance, `${a} against ${b}`)
const outcome = (value: number, y: number, heldOut = true, weight = 1): Outcome => ({
  outcome: y,
  value,
  weight,
  heldOut,
})

describe('the share of the critic', () => {
  const values = [1, 2, 3, 4]
  const cases: [string, readonly Outcome[], number][] = [
    ['nothing is held out', values.map(v => outcome(v, v, false)), 0],
    ['what it says is what comes', values.map(v => outcome(v, v + 7)), 1],
    ['half of what it says', values.map(v => outcome(v, 0.5 * v)), 0.5],
    ['it says the same of all', values.map(v => outcome(3, v)), 0],
    ['the contrary comes: it is not asked', values.map(v => outcome(v, -v)), 0],
    ['more comes than it says: it is asked in full', values.map(v => outcome(v, 3 * v)), 1],
    ['by weight', [outcome(0, 0), outcome(1, 1), outcome(1, 0, true, 0)], 1],
    [
      'what it has by heart does not count',
      [outcome(1, 1, false), outcome(9, 9, false), outcome(1, 5), outcome(2, 5)],
      0,
    ],
  ]
  for (const [name, outcomes, share] of cases)
    test(name, () => {
      const baseline = createBaseline()
      baseline.observe(outcomes)
      close(baseline.share, share)
    })
})

describe('the baseline', () => {
  test('is 0 while nothing is known, so that first advantages are rewards', () =>
    assert.equal(createBaseline().of(5), 0))
  test('is the weighted mean outcome where the critic is not asked', () => {
    const baseline = createBaseline()
    baseline.observe([outcome(1, 2, false, 3), outcome(5, 6, false, 1)])
    close(baseline.of(-100), 3)
  })
  test('follows the critic about the mean as far as it is asked', () => {
    const baseline = createBaseline()
    baseline.observe([outcome(0, 10), outcome(2, 11)])
    close(baseline.of(1), 10.5)
    close(baseline.of(5), 12.5)
  })
  test('a batch that is not finite changes nothing', () => {
    const baseline = createBaseline()
    baseline.observe([outcome(0, 10), outcome(2, 11)])
    const before = baseline.snapshot()
    baseline.observe([outcome(Number.NaN, 1)])
    assert.deepEqual(baseline.snapshot(), before)
  })
  test('goes on from a version bit-identically, and begins anew from one that states none', () => {
    const random = createRandom(4)
    const batches = Array.from({ length: 6 }, () =>
      Array.from({ length: 9 }, (_, i) => outcome(random.normal(), random.normal(), i % 3 === 0, random.uniform())),
    )
    const [whole, first, second] = [createBaseline(), createBaseline(), createBaseline()]
    for (const batch of batches) whole.observe(batch)
    for (const batch of batches.slice(0, 3)) first.observe(batch)
    second.restore(modelOf(first.snapshot()))
    for (const batch of batches.slice(3)) second.observe(batch)
    assert.deepEqual(second.snapshot(), whole.snapshot())
    second.restore(modelOf({}))
    assert.deepEqual(second.snapshot(), createBaseline().snapshot())
  })
  test('a version with a part of it, or a negative weight, is refused', () => {
    const model = createBaseline().snapshot()
    const { baseline_value: _, ...part } = model
    for (const parameters of [part, { ...model, baseline_held_weight: -1 }])
      assert.throws(
        () => createBaseline().restore(modelOf(parameters)),
        error => isCode(error, 'MODEL_INCOMPATIBLE'),
      )
  })
})

test('a quarter of the transitions is held out, by their ids alone', () => {
  const ids = Array.from({ length: 4000 }, (_, i) => `decision-${i}/0`)
  const held = ids.filter(isHeldOut).length
  assert.ok(held > 880 && held < 1120, `${held}`)
})

test('the critic in full learns of every transition, and is the baseline whatever came', () => {
  assert.ok(Array.from({ length: 40 }, (_, i) => `decision-${i}/0`).every(id => !criticInFull.isHeldOut(id)))
  criticInFull.observe([outcome(0, 10), outcome(2, 11)])
  assert.equal(criticInFull.of(5), 5)
  assert.equal(criticInFull.share, 1)
})
