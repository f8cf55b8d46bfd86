import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Transition } from '../../../schemas/records.ts'
import { isCode } from '../../../src/errors.ts'
import type { Example, Learner } from '../../../src/learner/learner.ts'
import { type ReinforceOptions, reinforceLearner } from '../../../src/learner/reinforce/learner.ts'
import { reinforce } from '../../../src/learner/reinforce/schema.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { createTowers, logit } from '../../../src/learner/towers/towers.ts'
import { decodeWeights } from '../../../src/learner/towers/training.ts'
import { createRandom, type Random } from '../../../src/state/random.ts'
import { exampleOf, publish } from '../examples.ts'
import { practise, score, sessions, shape } from '../gradient/delayed-gratification.ts'
import { testReplayed } from '../gradient/revisions.ts'

const tensorflow = await loadTensorFlow()
const options: ReinforceOptions = {
  ...reinforce.parse({ hidden: 8, embedding: 4, learningRate: 0.01, batchSize: 64, bufferSize: 2000 }),
  ...shape,
  bootstraps: true,
}
const newLearner = (changes: Partial<ReinforceOptions> = {}): Learner =>
  reinforceLearner({ ...options, ...changes }, tensorflow)
const uniform = [0.5, 0.5]
const changed = (example: Example, changes: Partial<Transition>): Example => ({
  ...example,
  transition: { ...example.transition, ...changes },
})

describe('sessions', () => {
  for (const mode of ['slate', 'item'] as const)
    test(`single items, ${mode} mode: waits for what pays later`, () => {
      const learner = newLearner({ mode })
      practise(learner, 60, 64, createRandom(1))
      assert.ok(score(learner) > 0.95, String(score(learner)))
    })

  test('of others without propensities: β is estimated beside', () => {
    const learner = newLearner({ behaviour: true })
    const random = createRandom(4)
    const unknown = { propensity_kind: 'unknown', propensity: 0, first_draw_propensity: 0 } as const
    let stats: Readonly<Record<string, number>> = {}
    for (let n = 0; n < 80; n++)
      stats = learner.learn(sessions([0.7, 0.6], 64, random, `${n}`).map(each => changed(each, unknown))).stats
    assert.ok(score(learner) > 0.95, String(score(learner)))
    // cross-entropy of β itself: 10 of 17 decisions are the first ones
    const entropy = (p: number) => -p * Math.log(p) - (1 - p) * Math.log(1 - p)
    const least = (entropy(0.7) + 0.7 * entropy(0.6)) / 1.7
    assert.ok(Math.abs(stats.behaviour_loss - least) < 0.1, `${stats.behaviour_loss}, ${least}`)
  })
})

/** Four items by their numbers, two shown; each is clicked by its worth. Shown with and without propensities alike. */
const worth = [0.1, 0.9, 0.2, 0.8]
const vectors = worth.map((_, i) => Float32Array.from(worth, (_, j) => (i === j ? 1 : 0)))
const names = ['a', 'b', 'c', 'd']
const slateShape = { stateDimensions: 2, itemDimensions: 4, bootstraps: false }

function policyOf(learner: Learner): number[] {
  const { weights } = decodeWeights(publish(learner, '1', true))
  const towers = createTowers(weights)
  const { embedding } = towers.user(Float64Array.of(1, 0))
  const exps = vectors.map(vector => Math.exp(logit(embedding, towers.item(vector))))
  const total = exps.reduce((sum, each) => sum + each, 0)
  return exps.map(each => each / total)
}

function slate(policy: readonly number[], random: Random, id: string): Example[] {
  const drawn: number[] = []
  return [0, 1].map(slot => {
    const left = 1 - drawn.reduce((sum, i) => sum + policy[i], 0)
    let [action, uniformly] = [-1, random.uniform() * left]
    while (uniformly >= 0) {
      action++
      if (!drawn.includes(action)) uniformly -= policy[action]
    }
    drawn.push(action)
    return exampleOf(
      Float64Array.of(1, 0),
      {
        transition_id: `${id}/${slot}`,
        decision_id: id,
        slot,
        slots: 2,
        candidates: names.map(item_id => ({
          item_id,
          feature_version: 0,
          source: 'request',
          inclusion_probability: 1,
        })),
        action: [names[action]],
        propensity: policy[action] / left,
        first_draw_propensity: policy[action],
        cumulative: { click: random.uniform() < worth[action] ? 1 : 0 },
      },
      { candidates: vectors },
    )
  })
}

describe('slates', () => {
  test('learns what to show together', () => {
    const learner = newLearner(slateShape)
    const random = createRandom(1)
    for (let n = 0; n < 60; n++) {
      const policy = policyOf(learner)
      learner.learn(Array.from({ length: 64 }, (_, i) => slate(policy, random, `${n}.${i}`)).flat())
    }
    const [, b, , d] = policyOf(learner)
    assert.ok(b + d > 0.95, `${policyOf(learner)}`)
  })

  test('is learned when all its slots are here, pinned ones too', () => {
    const [first, second] = slate([0.25, 0.25, 0.25, 0.25], createRandom(1), 's')
    const updates = (...examples: Example[]) => newLearner(slateShape).learn(examples).stats.updates
    assert.equal(updates(second), 0)
    assert.equal(updates(first, second), options.stepsPerBatch)
    const pinned = changed(first, { chosen_by: 'pinned', propensity_kind: 'deterministic', propensity: 1 })
    assert.equal(updates(pinned, second), options.stepsPerBatch)
  })

  /** The slate as a whole, of which something came that names no place. */
  const whole = (examples: readonly Example[], reward: number, changes: Partial<Transition> = {}): Example => {
    const [{ transition }] = examples
    const action = examples.map(each => each.transition.action[0])
    const of = { transition_id: `${transition.decision_id}/-1`, slot: -1, action, cumulative: { liked: reward } }
    return { ...changed(examples[0], { ...of, ...changes }), reward }
  }
  const unclicked = (examples: readonly Example[]): Example[] =>
    examples.map(each => ({ ...changed(each, { cumulative: {} }), reward: 0 }))

  test('what came of a slate without a place teaches all of it', () => {
    const learner = newLearner(slateShape)
    const random = createRandom(1)
    for (let n = 0; n < 60; n++) {
      const policy = policyOf(learner)
      const shown = Array.from({ length: 64 }, (_, i) => unclicked(slate(policy, random, `${n}.${i}`)))
      const liked = (examples: readonly Example[]) =>
        Number(examples.every(({ transition: { action } }) => action[0] === 'b' || action[0] === 'd'))
      const { refused } = learner.learn(shown.flatMap(examples => [...examples, whole(examples, liked(examples))]))
      assert.deepEqual(refused, {})
    }
    const [, b, , d] = policyOf(learner)
    assert.ok(b + d > 0.95, `${policyOf(learner)}`)
  })

  test('revisions of the whole in any order teach what its cumulative reward teaches', () => {
    const random = createRandom(3)
    const shown = Array.from({ length: 32 }, (_, i) => unclicked(slate([0.25, 0.25, 0.25, 0.25], random, `${i}`)))
    const first = shown.map(examples => whole(examples, 0))
    const later = shown.flatMap((examples, i) =>
      [1, 2].map(revision => whole(examples, (i % 3) * revision, { kind: 'reward', revision })),
    )
    const last = shown.map((examples, i) => whole(examples, 2 * (i % 3)))
    const taught = [last, [...first, ...later], [...first, ...later.toReversed()]].map(wholes => {
      const learner = newLearner({ ...slateShape, batchSize: 64 })
      learner.learn([...shown.flat(), ...wholes])
      return publish(learner, '1', true).tensors
    })
    for (const tensors of taught) assert.deepEqual(tensors, taught[0])
    const untold = newLearner({ ...slateShape, batchSize: 64 })
    untold.learn(shown.flat())
    assert.notDeepEqual(publish(untold, '1', true).tensors, taught[0])
  })

  test('the importance weight is that of the slate', () => {
    const examples = slate([0.25, 0.25, 0.25, 0.25], createRandom(1), 's')
    const learner = newLearner({ ...slateShape, stepsPerBatch: 1, maxImportanceWeight: 100 })
    const policy = policyOf(learner)
    const [a, b] = examples.map(({ action }) => action)
    const ratio = (policy[a] / 0.25) * (policy[b] / (1 - policy[a]) / (0.25 / 0.75))
    const { stats } = learner.learn(examples)
    assert.ok(Math.abs(stats.importance - ratio) < 1e-5, `${stats.importance}, ${ratio}`)
  })
})

testReplayed(() => newLearner({ batchSize: 1000, stepsPerBatch: 3 }))

describe('a checkpoint', () => {
  test('goes on as if never stopped, given the same buffer; β too', () => {
    const make = () => newLearner({ bufferSize: 64, behaviour: true })
    const [first, second] = [make(), make()]
    const random = createRandom(2)
    const played = (prefix: string) =>
      sessions(uniform, 80, random, prefix, '5').map((each, i) =>
        i % 2 ? changed(each, { propensity_kind: 'unknown' }) : each,
      )
    first.learn(played('a').slice(0, 64))
    second.restore(publish(first, '7', true))
    for (const prefix of ['b', 'c']) {
      const batch = played(prefix)
      const [{ stats }, again] = [first.learn(batch), second.learn(batch)]
      assert.deepEqual(again.stats, stats)
    }
    assert.deepEqual(publish(second, '8', true), publish(first, '8', true))
  })

  test('of the other mode is refused', () => {
    const model = publish(newLearner({ mode: 'item' }), '1', true)
    assert.throws(
      () => newLearner({ mode: 'slate' }).restore(model),
      error => isCode(error, 'MODEL_INCOMPATIBLE'),
    )
  })
})

test('refused revisions by reason', () => {
  const [made] = sessions(uniform, 1, createRandom(1), 's')
  const refused = (changes: Partial<Transition>, learner: Partial<ReinforceOptions> = {}) =>
    newLearner(learner).learn([changed(made, changes)]).refused
  const pinned = { chosen_by: 'pinned', propensity_kind: 'deterministic' } as const
  assert.deepEqual(refused({ propensity_kind: 'unknown' }), { propensity_not_exact: 1 })
  assert.deepEqual(refused({ propensity_kind: 'unknown' }, { behaviour: true }), {})
  assert.deepEqual(refused(pinned, { mode: 'item', behaviour: true }), { propensity_not_exact: 1 })
  assert.deepEqual(refused({ propensity: 0 }), { propensity_invalid: 1 })
  assert.deepEqual(refused({ first_draw_propensity: 0 }), {})
  assert.deepEqual(refused({ first_draw_propensity: 0 }, { mode: 'item' }), { propensity_invalid: 1 })
})
