import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isCode } from '../../../src/errors.ts'
import type { Example } from '../../../src/learner/learner.ts'
import { createLinearLearner, type LinearOptions } from '../../../src/learner/linear/learner.ts'
import { asFull, decodeTensor, mergeVersion } from '../../../src/learner/tensors.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf, plainFeatures, publish } from '../examples.ts'

const options: LinearOptions = {
  ...plainFeatures(3),
  priorPrecision: 1,
  maxItems: 100,
  halfLifeMs: 0,
  maxCheckpointBytes: 1 << 24,
}

/** Sums as they are read: every tensor by name, A and b times the reading scale. */
function sums(learner: ReturnType<typeof createLinearLearner>): Map<string, Float64Array> {
  const model = publish(learner, 'x', true)
  const { read_scale, reference_ms, newest_ms, half_life_ms } = model.parameters
  // the reading time is rounded alike for any reference only up to a step: read at the newest decision itself
  const scale = half_life_ms === 0 ? read_scale : 2 ** ((reference_ms - newest_ms) / half_life_ms)
  return new Map(
    model.tensors.map(tensor => [
      tensor.name,
      decodeTensor(tensor, 'float64').map((value, index) => (index < 3 ? value : value * scale)),
    ]),
  )
}

function assertSame(actual: Map<string, Float64Array>, expected: Map<string, Float64Array>): void {
  assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort())
  for (const [name, values] of expected) {
    const size = Math.max(...values.subarray(3).map(Math.abs), 1)
    assert.equal(actual.get(name)!.length, values.length)
    values.forEach((value, index) => {
      assert.ok(
        Math.abs(actual.get(name)![index] - value) <= 1e-9 * Math.max(size, Math.abs(value)),
        `${name}[${index}]`,
      )
    })
  }
}

/** A decision's revisions: initial, some rewards, sometimes a retracted outcome, as the joiner emits them. */
function revisionsOf(seed: number): Example[] {
  const random = createRandom(seed)
  const state = Float64Array.from({ length: 3 }, random.normal)
  const common = {
    transition_id: `d${seed}/0`,
    action: [`item${Math.floor(random.uniform() * 3)}`],
    weight: 1 + random.uniform(),
    decision_time_ms: 1_000_000 + Math.floor(random.uniform() * 1_000_000),
  }
  const revisions = [exampleOf(state, { ...common, delta: { click: 0.1 } })]
  for (let n = Math.floor(random.uniform() * 4); n > 0; n--)
    revisions.push(exampleOf(state, { ...common, kind: 'reward', delta: { click: random.normal() } }))
  if (random.uniform() < 0.3)
    revisions.push(exampleOf(state, { ...common, kind: 'retraction', delta: { click: -random.uniform() } }))
  return revisions
}

/** Plain recomputation: each decision once, with its summed reward. */
function batchFit(seeds: readonly number[], halfLifeMs: number): Map<string, Float64Array> {
  const decisions = seeds.map(revisionsOf)
  const newest = Math.max(...decisions.map(([first]) => first.transition.decision_time_ms))
  const items = new Map<string, Float64Array>()
  for (const revisions of decisions) {
    const { transition, state } = revisions[0]
    const name = `item/${transition.action[0]}`
    const into = items.get(name) ?? new Float64Array(12).fill(-1, 1, 3)
    items.set(name, into)
    into[2] = Math.max(into[2], transition.decision_time_ms)
    into[0]++
    const age = newest - transition.decision_time_ms
    const weight = transition.weight * (halfLifeMs ? 2 ** (-age / halfLifeMs) : 1)
    const reward = revisions.reduce((sum, each) => sum + each.transition.delta.click, 0)
    let k = 3
    for (let i = 0; i < 3; i++) for (let j = 0; j <= i; j++) into[k++] += weight * state[i] * state[j]
    for (let i = 0; i < 3; i++) into[k++] += weight * reward * state[i]
  }
  return items
}

const seeds = fc.uniqueArray(fc.integer({ min: 1, max: 1e6 }), { minLength: 1, maxLength: 30 })

function shuffled<T>(values: readonly T[], seed: number): T[] {
  const random = createRandom(seed)
  return values
    .map(value => [random.uniform(), value] as const)
    .sort((a, b) => a[0] - b[0])
    .map(([, value]) => value)
}

describe('exact: any order and split of revisions ends at the batch fit', () => {
  // 3 s of half-life over 1,000 s of decisions moves the reference several times
  for (const halfLifeMs of [0, 3000, 500_000])
    test(`half-life ${halfLifeMs} ms`, () => {
      fc.assert(
        fc.property(seeds, fc.integer(), fc.integer({ min: 1, max: 9 }), (ids, order, size) => {
          const learner = createLinearLearner({ ...options, halfLifeMs })
          const revisions = shuffled(ids.flatMap(revisionsOf), order)
          for (let i = 0; i < revisions.length; i += size) learner.learn(revisions.slice(i, i + size))
          assertSame(sums(learner), batchFit(ids, halfLifeMs))
        }),
        { numRuns: 100 },
      )
    })

  test('the same order is bit-identical, whatever the split and wherever it was restored', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 9 }), (ids, cut, size) => {
        const revisions = ids.flatMap(revisionsOf)
        const whole = createLinearLearner({ ...options, halfLifeMs: 3000 })
        whole.learn(revisions)
        const first = createLinearLearner({ ...options, halfLifeMs: 3000 })
        first.learn(revisions.slice(0, cut))
        const second = createLinearLearner({ ...options, halfLifeMs: 3000 })
        second.restore(publish(first, '1', true))
        for (let i = cut; i < revisions.length; i += size) second.learn(revisions.slice(i, i + size))
        assert.deepEqual(byName(publish(second, 'x', true)), byName(publish(whole, 'x', true)))
      }),
      { numRuns: 50 },
    )
  })
})

const byName = (model: ReturnType<typeof publish>) => ({
  ...model,
  tensors: [...model.tensors].sort((a, b) => (a.name < b.name ? -1 : 1)),
})

describe('checkpoints', () => {
  test('increments hold changed blocks only and merge to the full checkpoint', () => {
    const learner = createLinearLearner(options)
    const x = Float64Array.of(1, 2, 3)
    learner.learn([exampleOf(x, { action: ['a'] }), exampleOf(x, { action: ['b'] })])
    let merged = mergeVersion(undefined, publish(learner, '1', true))
    learner.learn([exampleOf(x, { action: ['b'], delta: { click: 1 } })])
    const increment = publish(learner, '2', false)
    assert.equal(increment.base_version, '1')
    assert.deepEqual(
      increment.tensors.map(tensor => tensor.name),
      ['item/b'],
    )
    merged = mergeVersion(merged, increment)
    const restored = createLinearLearner(options)
    restored.restore(asFull(merged))
    assert.deepEqual(sums(restored), sums(learner))
  })

  test('the first snapshot is full even when an increment is asked for', () => {
    assert.equal(createLinearLearner(options).snapshot('1', false).baseVersion, null)
  })

  for (const [what, changes] of Object.entries({ dimensions: plainFeatures(4), 'half-life': { halfLifeMs: 5 } }))
    test(`other ${what}: MODEL_INCOMPATIBLE`, () => {
      const learner = createLinearLearner(options)
      const model = publish(learner, '1', true)
      assert.throws(
        () => createLinearLearner({ ...options, ...changes }).restore(model),
        error => isCode(error, 'MODEL_INCOMPATIBLE'),
      )
    })
})

describe('refused revisions', () => {
  const x = Float64Array.of(1, 0, 0)
  const cases: Record<string, Example> = {
    slate: exampleOf(x, { slot: -1 }),
    dimensions: exampleOf(Float64Array.of(1)),
    not_finite: exampleOf(Float64Array.of(1, Number.NaN, 0)),
    weight_negative: exampleOf(x, { weight: -1 }),
    out_of_range: exampleOf(x, { delta: { click: 1e200 } }),
  }
  for (const [reason, example] of Object.entries(cases))
    test(reason, () => {
      const learner = createLinearLearner(options)
      assert.deepEqual(learner.learn([example]).refused, { [reason]: 1 })
      assert.equal(learner.snapshot('1', true).tensors.length, 0)
    })
})

describe('eviction', () => {
  const x = Float64Array.of(1, 0, 0)
  const seen = (itemId: string, time: number, kind: 'initial' | 'reward' = 'initial') =>
    exampleOf(x, { action: [itemId], decision_time_ms: time, kind, delta: { click: 1 } })
  const full = () => {
    const learner = createLinearLearner({ ...options, maxItems: 2 })
    learner.learn([seen('a', 1), seen('a', 2), seen('b', 3), seen('c', 4)])
    return learner
  }
  const items = (learner: ReturnType<typeof full>) => [...sums(learner).keys()]

  test('the least seen item makes room', () => assert.deepEqual(items(full()), ['item/a', 'item/c']))

  test('a late reward of an evicted decision is refused, also when the item is back', () => {
    const learner = full()
    assert.deepEqual(learner.learn([seen('b', 3, 'reward')]).refused, { evicted: 1 })
    learner.learn([seen('b', 9)])
    assert.deepEqual(items(learner), ['item/a', 'item/b'])
    assert.deepEqual(learner.learn([seen('b', 3, 'reward')]).refused, { evicted: 1 })
    assert.deepEqual(learner.learn([seen('b', 9, 'reward')]).refused, {})
  })

  test('an item that takes the place of another has nothing of it', () => {
    const learner = createLinearLearner({ ...options, maxItems: 1 })
    learner.learn([exampleOf(Float64Array.of(1, 2, 3), { action: ['a'], delta: { click: 5 } }), seen('b', 2000)])
    const fresh = createLinearLearner(options)
    fresh.learn([seen('b', 2000)])
    const sumsOf = (each: ReturnType<typeof full>) => sums(each).get('item/b')!.subarray(3)
    assert.deepEqual(sumsOf(learner), sumsOf(fresh))
  })

  test('an increment tells that an item is gone', () => {
    const learner = createLinearLearner({ ...options, maxItems: 1 })
    learner.learn([seen('a', 1)])
    const first = mergeVersion(undefined, publish(learner, '1', true))
    learner.learn([seen('b', 2)])
    assert.deepEqual([...mergeVersion(first, publish(learner, '2', false)).tensors.keys()], ['item/b'])
  })

  test('no more blocks than fit one checkpoint', () => {
    const learner = createLinearLearner({ ...options, maxCheckpointBytes: 1000 })
    learner.learn(Array.from({ length: 50 }, (_, i) => seen(`item${i}`, i + 1)))
    const bytes = learner.snapshot('1', true).tensors.reduce((sum, tensor) => sum + tensor.data.length, 0)
    assert.ok(bytes > 0 && bytes <= 1000, String(bytes))
  })
})
