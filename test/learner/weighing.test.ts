import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { ModelVersion } from '../../schemas/records.ts'
import type { Example, Learner } from '../../src/learner/learner.ts'
import { createLinearLearner, type LinearOptions } from '../../src/learner/linear/learner.ts'
import { asFull, decodeTensor, mergeVersion } from '../../src/learner/tensors.ts'
import { type WeighingOptions, weighing } from '../../src/learner/weighing.ts'
import { createRandom } from '../../src/state/random.ts'
import { exampleOf, plainFeatures, publish } from './examples.ts'

const linear: LinearOptions = {
  ...plainFeatures(3),
  priorPrecision: 1,
  maxItems: 100,
  halfLifeMs: 0,
  maxCheckpointBytes: 1 << 24,
}
const hour = 3_600_000
const options: WeighingOptions = { windowMs: 24 * hour, weights: { buy: 1 }, positions: false, maxWaiting: 100_000 }
const create = (changes: Partial<WeighingOptions> = {}) =>
  weighing(createLinearLearner(linear), { ...options, ...changes })

/** A and b of every item: [seen, since, last] left out, since a decision that counts in parts is seen in parts. */
function sums(learner: Learner): Map<string, Float64Array> {
  const items = publish(learner, 'x', true).tensors.filter(({ name }) => name.startsWith('item/'))
  return new Map(items.map(tensor => [tensor.name, decodeTensor(tensor, 'float64').subarray(3)]))
}

function assertSame(actual: Map<string, Float64Array>, expected: Map<string, Float64Array>): void {
  assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort())
  for (const [name, values] of expected) {
    const size = Math.max(...values.map(Math.abs))
    values.forEach((value, i) => {
      assert.ok(
        Math.abs(actual.get(name)![i] - value) <= 1e-9 * size,
        `${name}[${i}]: ${actual.get(name)![i]}, ${value}`,
      )
    })
  }
}

/** A decision within two days, and its purchase within some hours where there is one. */
function revisionsOf(seed: number): Example[] {
  const random = createRandom(seed)
  const state = Float64Array.from({ length: 3 }, random.normal)
  const common = {
    transition_id: `d${seed}/0`,
    action: [`item${Math.floor(random.uniform() * 3)}`],
    weight: 1 + random.uniform(),
    decision_time_ms: Math.floor(random.uniform() * 48 * hour),
  }
  const initial = exampleOf(state, { ...common, delta: { buy: 0.1 }, cumulative: { buy: 0.1 } })
  if (random.uniform() < 0.6) return [initial]
  const reward_time_ms = common.decision_time_ms + Math.floor(random.uniform() * 10 * hour)
  const reward = { kind: 'reward' as const, delta: { buy: 2 }, cumulative: { buy: 2.1 }, reward_time_ms }
  return [initial, exampleOf(state, { ...common, ...reward })]
}

const inTime = (examples: readonly Example[]) => {
  const timeOf = ({ transition }: Example) => transition.reward_time_ms ?? transition.decision_time_ms
  return examples.toSorted((a, b) => timeOf(a) - timeOf(b))
}
/** A decision so late that all others are mature. */
const end = exampleOf(Float64Array.of(1, 0, 0), {
  transition_id: 'end/0',
  action: ['last'],
  decision_time_ms: 200 * hour,
})

const feed = (learner: Learner, examples: readonly Example[], size: number) => {
  for (let i = 0; i < examples.length; i += size) learner.learn(examples.slice(i, i + size))
}
const many = (count: number, from = 1) => Array.from({ length: count }, (_, n) => revisionsOf(from + n)).flat()
const withoutEnd = (map: Map<string, Float64Array>) => new Map([...map].filter(([name]) => name !== 'item/last'))

describe('once all is mature the sums are those of the batch', () => {
  const plain = createLinearLearner(linear)
  const examples = many(300)
  plain.learn(examples)
  test('in order of time', () => {
    const learner = create()
    feed(learner, inTime(examples), 7)
    learner.learn([end])
    assertSame(withoutEnd(sums(learner)), sums(plain))
  })
  test('in any order and any split', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(examples, { minLength: examples.length, maxLength: examples.length }),
        fc.integer({ min: 1, max: 50 }),
        (order, size) => {
          const learner = create()
          feed(learner, order, size)
          learner.learn([end])
          assertSame(withoutEnd(sums(learner)), sums(plain))
        },
      ),
      { numRuns: 20 },
    )
  })
  test('with too little room to wait, too', () => {
    const learner = create({ maxWaiting: 10 })
    feed(learner, inTime(examples), 7)
    const { stats } = learner.learn([end])
    assert.ok(stats.waiting_overflowed > 100, `${stats.waiting_overflowed}`)
    assertSame(withoutEnd(sums(learner)), sums(plain))
  })
  test('at once without a window', () => {
    const learner = create({ windowMs: 0 })
    feed(learner, examples, 7)
    assertSame(sums(learner), sums(plain))
    assert.equal(learner.learn([end]).stats.waiting, 0)
  })
})

test('what is known of the delays does not depend on the order either', () => {
  const examples = many(200)
  const delays = (order: readonly Example[]) => {
    const learner = create({ windowMs: 100 * hour })
    feed(learner, order, 9)
    return publish(learner, 'x', true).tensors.find(({ name }) => name === 'delay/buy')!.data
  }
  assert.deepEqual(delays(inTime(examples)), delays(inTime(examples).reverse()))
})

describe('before that', () => {
  const phi = Float64Array.of(1, 0, 0)
  const at = (id: string, decision_time_ms: number, changes = {}) =>
    exampleOf(phi, { transition_id: `${id}/0`, decision_time_ms, ...changes })
  const countOf = (learner: Learner): number => sums(learner).get('item/a')?.[0] ?? 0
  test('a young decision hardly counts, an old one counts whole, one between in between', () => {
    const learner = create()
    learner.learn([at('d', 0)])
    assert.equal(countOf(learner), 0)
    learner.learn([{ ...at('e', 12 * hour), transition: { ...at('e', 12 * hour).transition, action: ['b'] } }])
    assert.ok(Math.abs(countOf(learner) - 0.5) < 0.15, `${countOf(learner)}`)
    learner.learn([{ ...at('f', 24 * hour), transition: { ...at('f', 24 * hour).transition, action: ['b'] } }])
    assert.ok(Math.abs(countOf(learner) - 1) < 1e-12)
  })
  test('its reward counts whole at once', () => {
    const learner = create()
    const reward = { kind: 'reward' as const, delta: { buy: 1 }, cumulative: { buy: 1 }, reward_time_ms: 5 }
    learner.learn([at('d', 0), at('d', 0, reward)])
    const values = sums(learner).get('item/a')!
    assert.equal(values[6], 1)
  })
  test('what was not looked at does not count, until something says that it was', () => {
    const learner = create()
    learner.learn([at('d', 0, { examined: 'no' }), at('e', 30 * hour, { examined: 'no' })])
    assert.equal(countOf(learner), 0)
    learner.learn([
      at('e', 30 * hour, { kind: 'reward', delta: { buy: 1 }, examined: 'yes', reward_time_ms: 31 * hour }),
    ])
    learner.learn([{ ...end, transition: { ...end.transition, action: ['b'] } }])
    assert.ok(Math.abs(countOf(learner) - 1) < 1e-12, `${countOf(learner)}`)
  })
})

test('what the learner behind refuses is refused, for its reasons', () => {
  const { learned, refused } = create().learn([
    exampleOf(Float64Array.of(1, 0, Number.NaN)),
    exampleOf(Float64Array.of(1, 0, 0), { slot: -1, action: ['a', 'b'] }),
    exampleOf(Float64Array.of(1, 0, 0), { weight: -1 }),
    exampleOf(Float64Array.of(1, 0, 0), { transition_id: 'good/0' }),
  ])
  assert.deepEqual(refused, { not_finite: 1, slate: 1, weight_negative: 1 })
  assert.equal(learned, 1)
})

describe('a restart', () => {
  const examples = inTime(many(300))
  const half = Math.floor(examples.length / 2)
  for (const [name, cut] of Object.entries({ 'from one full version': 1, 'from increments': 4 }))
    test(`${name} goes on bit-identically`, () => {
      const straight = create()
      const first = create()
      let model: ModelVersion | undefined
      for (let part = 0; part < cut; part++) {
        const some = examples.slice(Math.floor((half * part) / cut), Math.floor((half * (part + 1)) / cut))
        feed(straight, some, 7)
        feed(first, some, 7)
        publish(straight, String(part), part === 0)
        const version = publish(first, String(part), part === 0)
        model = asFull(
          mergeVersion(model && { model, tensors: new Map(model.tensors.map(each => [each.name, each])) }, version),
        )
      }
      const second = create()
      second.restore(model!)
      feed(straight, examples.slice(half), 11)
      feed(second, examples.slice(half), 11)
      const [a, b] = [publish(straight, 'end', true), publish(second, 'end', true)]
      const byName = (version: ModelVersion) =>
        new Map(version.tensors.map(each => [each.name, each.data.toString('hex')]))
      assert.ok(byName(a).size > 20)
      assert.deepEqual([...byName(b)].sort(), [...byName(a)].sort())
      assert.deepEqual(b.parameters, a.parameters)
    })
  test('a version that was learned without weighing goes on', () => {
    const plain = createLinearLearner(linear)
    plain.learn(examples)
    const learner = create()
    learner.restore(publish(plain, '1', true))
    assertSame(sums(learner), sums(plain))
  })
  test('another reward type may come and go', () => {
    const learner = create()
    feed(learner, examples.slice(0, half), 7)
    const other = create({ weights: { buy: 1, click: 1 } })
    other.restore(publish(learner, '1', true))
    feed(other, examples.slice(half), 7)
    other.learn([end])
    const plain = createLinearLearner(linear)
    plain.learn(examples)
    assertSame(withoutEnd(sums(other)), sums(plain))
    const atRisk = decodeTensor(
      publish(other, '2', true).tensors.find(({ name }) => name === 'delay/click')!,
      'float64',
    )
    assert.ok(atRisk.every(value => value >= 0))
  })
})

test('a steady world is not found changed, however many decisions a step has and whatever they count', () => {
  for (const size of [10, 500, 5000])
    for (const changes of [{ positions: true, windowMs: 0 }, {}]) {
      const learner = weighing(createLinearLearner({ ...linear, watch: () => 1 }), { ...options, ...changes })
      const random = createRandom(2)
      const revisions = Array.from({ length: 10_000 }, (_, i): Example[] => {
        const common = { transition_id: `d${i}/0`, action: [`item${i % 2}`], slot: i % 5, decision_time_ms: i * 1000 }
        const decision = exampleOf(Float64Array.of(1, 0, 0), common)
        // the first place is seen by all, each further one by fewer
        if (random.uniform() > 0.6 / (1 + (i % 5))) return [decision]
        const reward = { kind: 'reward' as const, delta: { buy: 1 }, cumulative: { buy: 1 } }
        const examined = { examined: 'yes' as const, reward_time_ms: common.decision_time_ms + 500 }
        return [decision, exampleOf(Float64Array.of(1, 0, 0), { ...common, ...reward, ...examined })]
      })
      feed(learner, revisions.flat(), size)
      const { parameters } = publish(learner, '1', true)
      assert.equal(parameters['changed_ms/0'], undefined, `${size} ${JSON.stringify(changes)}`)
    }
})
