/** The classifier behind the interface that all learners have, and as it serves. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Transition } from '../../../schemas/records.ts'
import { parseConfig } from '../../../src/config.ts'
import { isCode } from '../../../src/errors.ts'
import { type ClassifierLearnerOptions, classifierLearner } from '../../../src/learner/classifier/learner.ts'
import { classifier } from '../../../src/learner/classifier/schema.ts'
import type { Example, Learner } from '../../../src/learner/learner.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { loadPolicy } from '../../../src/models/load.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf, publish } from '../examples.ts'

const tensorflow = await loadTensorFlow()
const options: ClassifierLearnerOptions = { ...classifier.parse({}), stateDimensions: 10 }
const newLearner = (changes: Partial<ClassifierLearnerOptions> = {}): Learner =>
  classifierLearner({ ...options, ...changes }, tensorflow)
const [policy] = parseConfig({ policies: [{ algorithm: 'classifier' }] }).policies
const items = ['a', 'b', 'c', 'd']

/** A baseline that shows the item of the largest of the state's first four numbers. */
function shown(count: number, seed: number, changes: Partial<Transition> = {}): Example[] {
  const random = createRandom(seed)
  return Array.from({ length: count }, (_, n) => {
    const state = Float64Array.from({ length: 10 }, random.normal)
    const four = state.subarray(0, 4)
    const action = [items[four.indexOf(Math.max(...four))]]
    const own = { transition_id: `${seed}-${n}/0`, mode: 'apprentice', chosen_by: 'baseline' } as const
    return exampleOf(state, { ...own, action, ...changes })
  })
}

const scoresOf = (learner: Learner, state: Float64Array, itemIds: readonly string[]): Float64Array =>
  loadPolicy(publish(learner, '1', true), policy).scorer(state, { itemIds, vectors: [] }).mean

describe('a classifier', () => {
  test('imitates, and what serves is what was learned; among items it never saw it has no preference', () => {
    const learner = newLearner()
    for (let n = 0; n < 60; n++) learner.learn(shown(512, n))
    const held = shown(300, 99)
    const served = loadPolicy(publish(learner, '1', true), policy)
    assert.deepEqual([...served.knownItems!(9)].sort(), items)
    const right = held.filter(({ state, transition }) => {
      const { mean } = served.scorer(state, { itemIds: ['new', ...items, 'other'], vectors: [] })
      assert.equal(mean[0], mean[5])
      return mean.indexOf(Math.max(...mean)) === 1 + items.indexOf(transition.action[0])
    })
    assert.ok(right.length > 270, `${right.length} of 300`)
  })
  test('revisions after the first change nothing, in any order', () => {
    const [first, second] = [newLearner(), newLearner()]
    const decisions = shown(200, 1)
    const rewards = decisions.map(example => ({
      ...example,
      reward: 1,
      transition: { ...example.transition, kind: 'reward' as const, revision: 1 },
    }))
    first.learn(decisions)
    assert.equal(second.learn(decisions.flatMap((decision, n) => [rewards[n], decision])).learned, 400)
    assert.deepEqual(publish(second, '1', true), publish(first, '1', true))
  })
  test('goes on from a version bit for bit; of another shape it is refused', () => {
    const [first, second] = [newLearner(), newLearner({ seed: 7 })]
    first.learn(shown(200, 1))
    const model = publish(first, '1', true)
    second.restore(model)
    for (const learner of [first, second]) learner.learn(shown(200, 2))
    assert.deepEqual(publish(second, '2', true), publish(first, '2', true))
    assert.throws(
      () => newLearner({ hidden: 9 }).restore(model),
      error => isCode(error, 'MODEL_INCOMPATIBLE'),
    )
  })
  test('beyond maxActions items share a class', () => {
    const learner = newLearner({ maxActions: 2 })
    learner.learn(items.map((item, n) => ({ ...shown(1, n, { action: [item] })[0] })))
    const [a, b, c, d] = scoresOf(learner, new Float64Array(10).fill(1), items)
    assert.equal(c, d)
    assert.equal(new Set([a, b, c]).size, 3)
  })
  test('refused by reason; what is refused or not finite changes nothing', () => {
    const learner = newLearner()
    const before = publish(learner, '1', true)
    const [example] = shown(1, 1)
    const cases: [string, Example][] = [
      ['own_choice', shown(1, 1, { mode: 'online', chosen_by: 'policy' })[0]],
      ['pinned', shown(1, 1, { chosen_by: 'pinned' })[0]],
      ['slate', shown(1, 1, { slot: -1, action: ['a', 'b'] })[0]],
      ['dimensions', { ...example, state: new Float64Array(9) }],
      ['not_finite', { ...example, state: new Float64Array(10).fill(Number.NaN) }],
    ]
    for (const [reason, each] of cases) assert.deepEqual(learner.learn([each]).refused, { [reason]: 1 })
    assert.deepEqual(publish(learner, '1', true), before)
    const { stats } = learner.learn([{ ...example, state: new Float64Array(10).fill(3e38) }])
    assert.deepEqual([stats.updates, stats.refused_updates], [0, 1])
  })
  test('a version that is not finite, or names a class that it has not, does not serve', () => {
    const learner = newLearner()
    learner.learn(shown(10, 1))
    const model = publish(learner, '1', true)
    const refused = (changes: object, code: 'MODEL_NOT_FINITE' | 'MODEL_INCOMPATIBLE') =>
      assert.throws(
        () => loadPolicy({ ...model, ...changes }, policy),
        error => isCode(error, code),
      )
    refused({ parameters: { ...model.parameters, 'action/z': 65 } }, 'MODEL_INCOMPATIBLE')
    refused({ tensors: model.tensors.slice(1) }, 'MODEL_INCOMPATIBLE')
    const [weights, ...others] = model.tensors
    const data = Buffer.from(weights.data)
    data.writeFloatLE(Number.NaN, 0)
    refused({ tensors: [{ ...weights, data }, ...others] }, 'MODEL_NOT_FINITE')
  })
})
