import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { ModelVersion } from '../../../schemas/records.ts'
import { parseConfig } from '../../../src/config.ts'
import { isCode } from '../../../src/errors.ts'
import type { Example } from '../../../src/learner/learner.ts'
import { componentsOf } from '../../../src/learner/linear/checkpoint.ts'
import { contentOf } from '../../../src/learner/linear/content.ts'
import { createLinearLearner, type LinearOptions } from '../../../src/learner/linear/learner.ts'
import { mergeLinear } from '../../../src/learner/linear/merge.ts'
import { decodeMoments, sumOfSquares } from '../../../src/learner/linear/moments.ts'
import { decodeTensor } from '../../../src/learner/tensors.ts'
import { loadPolicy } from '../../../src/models/load.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf, plainFeatures, publish } from '../examples.ts'

const d = 3
const options: LinearOptions = {
  ...plainFeatures(d),
  priorPrecision: 1,
  maxItems: 100,
  halfLifeMs: 0,
  maxCheckpointBytes: 1 << 24,
}
const learnerOf = (changes: Partial<LinearOptions>, examples: readonly Example[]) => {
  const learner = createLinearLearner({ ...options, ...changes })
  learner.learn(examples)
  return learner
}
const learn = (changes: Partial<LinearOptions>, examples: readonly Example[]): ModelVersion =>
  publish(learnerOf(changes, examples), '1', true)

/** A decision and its late reward; the components that come first differ from one to the next. */
function decision(seed: number): Example[] {
  const random = createRandom(seed)
  const state = Float64Array.from({ length: d }, random.normal)
  const common = {
    transition_id: `${seed}/0`,
    action: [`item ${Math.floor(random.uniform() * 4)}`],
    weight: 1 + random.uniform(),
    decision_time_ms: 1_000_000 + Math.floor(random.uniform() * 1_000_000),
  }
  const first = { [random.uniform() < 0.5 ? 'click' : 'stars']: random.normal() }
  const late = { [random.uniform() < 0.5 ? 'click' : 'buy']: random.normal() }
  const [name] = Object.keys(late)
  const cumulative = { ...first, [name]: (first[name] ?? 0) + late[name] }
  return [
    exampleOf(state, { ...common, delta: first, cumulative: first }),
    exampleOf(state, { ...common, kind: 'reward', revision: 1, delta: late, cumulative }),
  ]
}

/** Every sum as it is read at the newest decision, by a name that does not depend on the order of components. */
function sums(model: ModelVersion): Map<string, number> {
  const { half_life_ms, reference_ms, newest_ms, decisions, evicted_until_ms } = model.parameters
  const scale = half_life_ms === 0 ? 1 : 2 ** ((reference_ms - newest_ms) / half_life_ms)
  const components = componentsOf(model.parameters).map(([name]) => name)
  const read = new Map(Object.entries({ newest_ms, decisions, evicted_until_ms }))
  const moments = decodeMoments(model.parameters)
  read.set('weight', scale * moments.weight)
  for (const one of components)
    for (const other of components) {
      const weights = components.map(name => (name === one ? 1 : 0) + (name === other ? 1 : 0))
      read.set(`${one} ${other}`, scale * sumOfSquares(moments, weights))
    }
  for (const { name, ...tensor } of model.tensors) {
    const values = decodeTensor({ name, ...tensor }, 'float64')
    const [seen, since, last] = values
    for (const [key, value] of Object.entries({ seen, since, last })) read.set(`${name} ${key}`, value)
    const end = 3 + (d * (d + 1)) / 2
    for (const [i, value] of values.subarray(3, end).entries()) read.set(`${name} A ${i}`, scale * value)
    // components that a block has not met are 0
    for (const [c, component] of components.entries())
      for (let i = 0; i < d; i++) read.set(`${name} ${component} ${i}`, scale * (values[end + c * d + i] ?? 0))
  }
  return read
}

function assertSame(actual: ModelVersion, expected: ModelVersion): void {
  const [one, other] = [sums(actual), sums(expected)]
  assert.deepEqual([...one.keys()].sort(), [...other.keys()].sort())
  for (const [name, value] of other)
    assert.ok(Math.abs(one.get(name)! - value) <= 1e-9 * Math.max(1, Math.abs(value)), `${name}: ${one.get(name)}`)
}

const seeds = fc.uniqueArray(fc.integer({ min: 1, max: 1e6 }), { minLength: 2, maxLength: 30 })

describe('two versions of disjoint inputs', () => {
  for (const halfLifeMs of [0, 100_000, 3000])
    test(`merged are what one learner of both holds, half-life ${halfLifeMs} ms`, () => {
      fc.assert(
        fc.property(seeds, fc.nat(30), (ids, cut) => {
          const log = ids.map(decision)
          const parts = [log.slice(0, cut), log.slice(cut)].map(part => learn({ halfLifeMs }, part.flat()))
          const whole = learn({ halfLifeMs }, log.flat())
          assertSame(mergeLinear(parts[0], parts[1], '2'), whole)
          assertSame(mergeLinear(parts[1], parts[0], '2'), whole)
        }),
      )
    })

  test('learn on from there, and serve, as one', () => {
    const estimate = () => 1
    const log = Array.from({ length: 90 }, (_, i) => decision(i + 1))
    const whole = learnerOf({ estimate }, log.flat())
    const merged = createLinearLearner({ ...options, estimate })
    merged.restore(
      mergeLinear(
        learn({ estimate }, log.slice(0, 40).flat()),
        learn({ estimate }, log.slice(40, 80).flat()),
        'merged',
      ),
    )
    merged.learn(log.slice(80).flat())
    // the prior is made at counts of decisions: those differ, so compare it not, but that it was made
    assert.ok(merged.prior().precision.some(value => value !== options.priorPrecision))
    const [one, other] = [publish(merged, '3', true), publish(whole, '3', true)]
    const blocks = (model: ModelVersion) => ({
      ...model,
      tensors: model.tensors.filter(({ name }) => name.startsWith('item/')),
    })
    assertSame(blocks(one), blocks(other))
    const rewards = { click: {}, stars: {}, buy: {} }
    const [policy] = parseConfig({ policies: [{ rewards }] }).policies
    const asked = { itemIds: ['item 0', 'item 3'], vectors: [] }
    const [a, b] = [one, other].map(model => loadPolicy(model, policy).scorer(Float64Array.of(1, 0.5, -1), asked).mean)
    a.forEach((value, k) => {
      assert.ok(Math.abs(value - b[k]) < 0.2, `${value} ${b[k]}`)
    })
  })

  test('say what they contain: inputs, the log that one started from, counts', () => {
    const contained = (topic: string) => [{ topic, partition: 0, next: 5 }]
    const version = learn({}, decision(1))
    const merged = mergeLinear(
      { ...version, contains: contained('east'), transitions: 3, newest_reward_ms: 9 },
      { ...version, contains: contained('west'), transitions: 4, warm_start: 'log' },
      '7',
    )
    assert.deepEqual(merged.contains, [...contained('east'), ...contained('west')])
    const { version: name, parent, base_version, transitions, warm_start, newest_reward_ms } = merged
    assert.deepEqual(
      [name, parent, base_version, transitions, warm_start, newest_reward_ms],
      ['7', null, null, 7, 'log', 9],
    )
  })

  test("know the items' vectors that either knew", () => {
    const vector = (first: number) => Float32Array.of(first, 1)
    const known = (itemId: string, timeMs: number) => ({
      ...exampleOf(Float64Array.of(1, 0, 0), {
        transition_id: `${timeMs}/0`,
        action: [itemId],
        decision_time_ms: timeMs,
      }),
      item: vector(timeMs),
    })
    const wanted = { estimate: () => 1, history: { from: 1, count: 2 } }
    const one = learn(wanted, [known('a', 1), known('b', 2)])
    const merged = mergeLinear(one, learn(wanted, [known('b', 3), known('c', 4)]), '2')
    const learner = createLinearLearner({ ...options, ...wanted })
    learner.restore(merged)
    assert.deepEqual(
      [...learner.blocks].map(([itemId, { content, vector: own }]) => [itemId, content, own]),
      [
        ['a', 1],
        ['b', 2],
        ['c', 4],
      ].map(([itemId, first]) => [
        itemId,
        contentOf(itemId as string, vector(first as number)),
        vector(first as number),
      ]),
    )
  })

  test('where one evicted an item, late rewards of what went are refused after as before', () => {
    const at = (timeMs: number, itemId: string) =>
      exampleOf(Float64Array.of(1, 0, 0), {
        transition_id: `${timeMs}/0`,
        action: [itemId],
        decision_time_ms: timeMs,
      })
    const evicts = learn({ maxItems: 1 }, [at(10, 'a'), at(20, 'b')])
    const keeps = learn({}, [at(5, 'a'), at(15, 'a')])
    for (const merged of [mergeLinear(evicts, keeps, '2'), mergeLinear(keeps, evicts, '2')]) {
      const learner = createLinearLearner(options)
      learner.restore(merged)
      const late = at(10, 'a')
      const { refused } = learner.learn([{ ...late, transition: { ...late.transition, kind: 'reward' } }])
      assert.deepEqual(refused, { evicted: 1 })
      const newer = at(15, 'a')
      assert.equal(learner.learn([{ ...newer, transition: { ...newer.transition, kind: 'reward' } }]).learned, 1)
    }
  })
})

describe('refused with MODEL_INCOMPATIBLE', () => {
  const good = () => learn({}, decision(1))
  const numbers = (changes: Partial<LinearOptions['features']>): Partial<LinearOptions> => ({
    features: { ...options.features, numbers: { from: 1, count: 2 }, fourier: 4, ...changes },
    warmUpDecisions: 4,
  })
  const settled = (seed: number, changes: Partial<LinearOptions['features']> = {}) =>
    learn(numbers(changes), Array.from({ length: 8 }, (_, i) => decision(seed + i)).flat())
  const cases: Record<string, () => [ModelVersion, ModelVersion]> = {
    'another half-life': () => [good(), learn({ halfLifeMs: 5 }, decision(2))],
    'other dimensions': () => [good(), learn(plainFeatures(2), [])],
    'other Fourier features': () => [settled(1), settled(1, { seed: 2 })],
    'numbers standardised otherwise': () => [settled(1), settled(100)],
    'a feature map that is still sought': () => [learn(numbers({}), decision(1)), settled(1)],
    'another policy or encoder': () => [good(), { ...good(), config_hash: 'other' }],
    'another algorithm': () => [good(), { ...good(), algorithm: 'bagged-linear' }],
    'a change that only one found': () => {
      const { parameters, ...rest } = good()
      return [good(), { ...rest, parameters: { ...parameters, 'changed_ms/0': 5 } }]
    },
    'an increment': () => [good(), { ...good(), base_version: '0' }],
    'decisions that wait': () => [
      good(),
      { ...good(), tensors: [{ ...good().tensors[0], name: 'waiting/["1","a"]' }] },
    ],
    'the same inputs': () => {
      const contains = [{ topic: 'transitions', partition: 0, next: 5 }]
      return [
        { ...good(), contains },
        { ...good(), contains },
      ]
    },
    'two logs to start from': () => [
      { ...good(), warm_start: 'one' },
      { ...good(), warm_start: 'two' },
    ],
  }
  for (const [name, make] of Object.entries(cases))
    test(name, () => {
      const [first, second] = make()
      for (const pair of [
        [first, second],
        [second, first],
      ] as const)
        assert.throws(
          () => mergeLinear(...pair, '2'),
          error => isCode(error, 'MODEL_INCOMPATIBLE'),
        )
    })
  test('but not the same map of numbers', () => {
    const [one, other] = [settled(1), settled(1)]
    assert.equal(mergeLinear(one, other, '2').parameters.decisions, 16)
  })
})
