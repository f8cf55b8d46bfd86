import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../../../src/config.ts'
import { hashedVector } from '../../../src/features/hashed.ts'
import type { Example } from '../../../src/learner/learner.ts'
import { type Biased, contentOf, fitContent } from '../../../src/learner/linear/content.ts'
import { createLinearLearner, type LinearOptions } from '../../../src/learner/linear/learner.ts'
import { dot } from '../../../src/learner/linear/matrix.ts'
import { createPolicyLoader, loadPolicy } from '../../../src/models/load.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf, plainFeatures, publish } from '../examples.ts'

const config = parseConfig({ policies: [{ rewards: { click: { weight: 1 } } }] }).policies[0]
const options: LinearOptions = {
  ...plainFeatures(2),
  priorPrecision: 0.3,
  estimate: () => 1,
  maxItems: 100,
  halfLifeMs: 0,
  maxCheckpointBytes: 1 << 24,
}

/** Vectors of length 3; items of an even number are liked for the first entry. */
const vectorOf = (item: number): Float32Array => Float32Array.of(item % 2 === 0 ? 0.8 : -0.8, 0.6 * Math.sin(item), 0.1)

function data(decisions: number, vector: (item: number) => Float32Array | undefined): Example[] {
  const random = createRandom(5)
  return Array.from({ length: decisions }, (_, i) => {
    const item = i % 16
    const click = (item % 2 === 0 ? 1 : -1) + 0.3 * random.normal()
    const changes = { action: [`item${item}`], delta: { click }, cumulative: { click }, decision_time_ms: i }
    return exampleOf(Float64Array.of(1, random.normal()), changes, { item: vector(item) })
  })
}

const unseen = { itemIds: ['new like even', 'new like odd'], vectors: [vectorOf(2), vectorOf(3)] }
const state = Float64Array.of(1, 0)

describe('what items’ vectors foretell', () => {
  test('content is what a vector holds beside the id: of one text under two ids nearly the same, of an id alone nothing', () => {
    const content = (id: string, text: string | null) => contentOf(id, hashedVector({ id, text, attributes: {} }, 64))
    assert.equal(content('joke_3', null), undefined)
    const [one, other, far] = [
      content('joke_3', 'Why did the chicken cross the road?'),
      content('joke_40', 'Why did the chicken cross the road?'),
      content('joke_4', 'A doctor, a lawyer and a priest are in a boat that sinks; after a while, and so on.'),
    ].map(each => each!)
    assert.ok(Math.abs(dot(one, one) - 1) < 1e-9)
    assert.ok(dot(one, other) > 0.9, `${dot(one, other)}`)
    assert.ok(dot(one, far) < 0.6, `${dot(one, far)}`)
  })

  test('an item is foretold by the others, and a new one by all', () => {
    const random = createRandom(3)
    const truth = Float64Array.of(1, -0.5, 0.3)
    const items = Array.from({ length: 40 }, (): Biased => {
      const content = Float64Array.from({ length: 3 }, random.normal)
      return { content, value: dot(truth, content) + 0.1 * random.normal(), weight: 5 + 10 * random.uniform() }
    })
    const fit = fitContent(items, 1)!
    fit.weights.forEach((value, i) => {
      assert.ok(Math.abs(value - truth[i]) < 0.1, `${fit.weights}`)
    })
    // each offset is the very fit without its item
    const [first, ...others] = items
    const without = fitContent(others, 1)!
    assert.ok(Math.abs(fit.offsets[0] - dot(without.weights, first.content)) < 1e-9)
  })

  test('ids, which say nothing of each other, foretell nothing, and noise does seldom', () => {
    const random = createRandom(4)
    const values = Array.from({ length: 20 }, random.normal)
    const unit = (at: number) => Float64Array.from(values, (_, i) => (i === at ? 1 : 0))
    assert.equal(
      fitContent(
        values.map((value, i) => ({ content: unit(i), value, weight: 10 })),
        1,
      ),
      undefined,
    )
    const noise = Array.from({ length: 200 }, () =>
      values.map(() => ({
        content: Float64Array.from({ length: 5 }, random.normal),
        value: random.normal(),
        weight: 10,
      })),
    )
    const taken = noise.filter(items => fitContent(items, 1)).length
    assert.ok(taken < 30, `${taken} of 200`)
  })

  test('a new item starts at what its vector foretells: served from a full version and from an increment', () => {
    const learner = createLinearLearner(options)
    const all = data(400, vectorOf)
    learner.learn(all.slice(0, 20))
    const full = publish(learner, '1', true)
    learner.learn(all.slice(20))
    const loader = createPolicyLoader(config)
    loader.load(full)
    const served = loader.load(publish(learner, '2', false)).scorer(state, unseen).mean
    assert.ok(served[0] > 0.5 && served[1] < -0.5, `${served}`)
    assert.deepEqual(loadPolicy(publish(learner, '3', true), config).scorer(state, unseen).mean, served)
  })

  test('a hashed vector foretells by its text, whatever the ids', () => {
    const words = ['long slow sad river', 'quick funny dog']
    const vector = (item: number) =>
      hashedVector({ id: `item${item}`, text: `${words[item % 2]} number ${item}`, attributes: {} }, 32)
    const learner = createLinearLearner(options)
    learner.learn(data(600, vector))
    const served = loadPolicy(publish(learner, '1', true), config)
    const unseen = { itemIds: ['item100', 'item101'], vectors: [vector(100), vector(101)] }
    const { mean } = served.scorer(state, unseen)
    assert.ok(mean[0] > 0.5 && mean[1] < -0.5, `${mean}`)
  })

  test('without vectors every new item starts alike', () => {
    const learner = createLinearLearner(options)
    learner.learn(data(400, () => undefined))
    const { mean } = loadPolicy(publish(learner, '1', true), config).scorer(state, unseen)
    assert.equal(mean[0], mean[1])
  })

  test('a restart goes on bit-identically', () => {
    const [whole, before, after] = [0, 1, 2].map(() => createLinearLearner(options))
    const all = data(400, vectorOf)
    whole.learn(all)
    before.learn(all.slice(0, 150))
    after.restore(publish(before, '1', true))
    after.learn(all.slice(150))
    const expected = publish(whole, '2', true)
    assert.ok(expected.tensors.some(({ name }) => name === 'prior/content'))
    assert.deepEqual(publish(after, '2', true), expected)
  })
})
