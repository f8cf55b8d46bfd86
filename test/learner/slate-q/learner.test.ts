import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isCode } from '../../../src/errors.ts'
import { dqnLearner } from '../../../src/learner/dqn/learner.ts'
import { dqn } from '../../../src/learner/dqn/schema.ts'
import type { Example, Learner } from '../../../src/learner/learner.ts'
import { type SlateQOptions, slateQLearner } from '../../../src/learner/slate-q/learner.ts'
import { slateQ } from '../../../src/learner/slate-q/schema.ts'
import { itemsOf, slateValue } from '../../../src/learner/slate-q/targets.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { createTowers, logit } from '../../../src/learner/towers/towers.ts'
import { decodeWeights } from '../../../src/learner/towers/training.ts'
import { loadDqn } from '../../../src/models/dqn.ts'
import { finish } from '../../../src/models/load.ts'
import type { Policy } from '../../../src/models/policy.ts'
import { loadSlateQ } from '../../../src/models/slate-q.ts'
import { greedy } from '../../../src/ranker/explorers/greedy.ts'
import { sampleSlate } from '../../../src/ranker/slate.ts'
import { createRandom } from '../../../src/state/random.ts'
import { best, choice, items, mean, played, returnOf, slates, solve, states, vectors } from '../choice-world.ts'
import { publish } from '../examples.ts'

const tensorflow = await loadTensorFlow()
const small = {
  stateDimensions: 3,
  itemDimensions: 4,
  hidden: 16,
  embedding: 8,
  learningRate: 0.005,
  batchSize: 256,
  stepsPerBatch: 1,
  targetCopySteps: 25,
  bootstraps: true,
}
const options: SlateQOptions = { ...slateQ.parse({}), ...small, isTaken: component => component !== 'view' }
const newLearner = (changes: Partial<SlateQOptions> = {}) => slateQLearner({ ...options, ...changes }, tensorflow)
const tensors = (learner: Learner) => publish(learner, '1', true).tensors.map(({ name, data }) => [name, data])

function learn(learner: Learner, batches: number): Learner {
  for (let n = 1; n <= batches; n++) learner.learn(played(41, n))
  return learner
}

const served = (learner: Learner): Policy => finish(loadSlateQ(publish(learner, '1', true)))

/** The slate of two that the policy shows in each state, without exploration. */
const shown = (policy: Policy): number[][] =>
  states.map(state => {
    const scorer = policy.scorer(state, { itemIds: [...items], vectors })
    const exploration = greedy.open(scorer, createRandom(1), undefined)
    const { draws } = sampleSlate(exploration, createRandom(1), items.length, 2)
    return draws.map(({ candidate }) => candidate)
  })

/** Q(s, A) of all slates, and P of the items of one, as learned. */
function learned(learner: Learner) {
  const towers = createTowers(decodeWeights(publish(learner, '1', true)).weights)
  return states.map(state => {
    const { embedding, value } = towers.user(state)
    const logits = vectors.flatMap(vector => [0, 1].map(head => logit(embedding, towers.item(vector), head, 2)))
    const heads = { logits: Float32Array.from(logits), values: Float32Array.of(value) }
    const known = itemsOf(heads, 0, items.length)
    const chances = (slate: readonly number[]) => {
      const total = slate.reduce((sum, item) => sum + known.attraction[item], known.none)
      return slate.map(item => known.attraction[item] / total)
    }
    return { worths: slates.map(slate => slateValue(known, slate)), chances }
  })
}

/** (J − random) / (J* − random) of what is shown in each state. */
function normalised(slatesShown: readonly (readonly number[])[]): number {
  const chance = mean(slates.map(a => mean(slates.map(b => returnOf([a, b])))))
  const most = Math.max(...slates.flatMap(a => slates.map(b => returnOf([a, b]))))
  return (returnOf(slatesShown) - chance) / (most - chance)
}

describe('a person whom the popular item keeps from the fine ones', () => {
  const learner = learn(newLearner(), 500)

  test('shown the slate that is best in the long run', () =>
    assert.ok(normalised(shown(served(learner))) >= 0.95, `${shown(served(learner))}`))

  test('one item for itself is not: the two that are worth most alone are far from it', () => {
    const single = dqnLearner({ ...dqn.parse({}), ...small }, tensorflow)
    learn(single, 300)
    const slatesShown = shown(finish(loadDqn(publish(single, '1', true))))
    assert.ok(normalised(slatesShown) < 0.5, `${slatesShown}`)
  })

  test('choices are learned', () => {
    for (const { chances } of learned(learner))
      for (const slate of slates)
        chances(slate).forEach((chance, slot) => {
          assert.ok(Math.abs(chance - choice(slate)[slot]) < 0.05, `${slate}: ${chances(slate)}, ${choice(slate)}`)
        })
  })

  for (const [next, choose] of [
    ['max', best],
    ['sarsa', mean],
  ] as const)
    test(`${next}: what each slate is worth`, () => {
      const known = learned(next === 'max' ? learner : learn(newLearner({ next }), 500))
      solve(choose).forEach((worths, s) => {
        worths.forEach((expected, i) => {
          assert.ok(Math.abs(known[s].worths[i] - expected) < 0.1 * expected, `${known[s].worths} for ${worths}`)
        })
      })
    })

  test('the heuristic shows the popular item', () => {
    const policy = served(learn(newLearner({ search: 'top-k' }), 300))
    assert.ok(shown(policy).every(slate => slate.includes(0)))
  })
})

/** Each slot as revisions: shown, taken or not, what came next. */
const revised = (examples: readonly Example[]): [Example, Example, Example][] =>
  examples.map(({ transition, nextState, nextCandidates, ...rest }) => {
    const open = { ...rest, nextState: null, nextCandidates: null }
    const unknown = { ...transition, discount: null, next_decision_id: null }
    return [
      { ...open, reward: 3, transition: { ...unknown, cumulative: { click: 3 } } },
      { ...open, transition: { ...unknown, kind: 'reward', revision: 2 } },
      {
        ...rest,
        nextState,
        nextCandidates,
        reward: 2,
        transition: { ...transition, cumulative: { click: 2 }, kind: 'continuation', revision: 1 },
      },
    ]
  })

describe('replace: revisions in any order teach exactly what cumulative rewards teach', () => {
  for (const next of ['max', 'sarsa'] as const)
    test(next, () => {
      const learners = [0, 1, 2].map(() => newLearner({ next, batchSize: 1000, stepsPerBatch: 3 }))
      for (let n = 1; n <= 4; n++) {
        const parts = revised(played(41, n))
        learners[0].learn(played(41, n))
        learners[1].learn(parts.flat())
        learners[2].learn([...parts.map(([first]) => first), ...parts.flatMap(([, a, b]) => [b, a]).reverse()])
      }
      const [whole, ...others] = learners.map(tensors)
      for (const other of others) assert.deepEqual(other, whole)
    })
})

describe('slates', () => {
  const [first, second] = played(2, 1)
  const change = (example: Example, changes: object): Example => ({
    ...example,
    transition: { ...example.transition, ...changes },
  })
  const updates = (learner: Learner, examples: readonly Example[]) => learner.learn(examples).stats.updates

  test('are learned once all of their slots are there and known', () => {
    const learner = newLearner()
    const open = { ...change(second, { discount: null }), nextState: null, nextCandidates: null }
    assert.equal(updates(learner, [first]), 0)
    assert.equal(updates(learner, [open]), 0)
    assert.equal(updates(learner, [change(second, { kind: 'continuation', revision: 1 })]), 1)
  })

  test('under SARSA once the slate that was shown next is there, too', () => {
    const learner = newLearner({ next: 'sarsa' })
    const session = played(3, 1)
    assert.equal(updates(learner, session.slice(0, 3)), 0)
    assert.equal(updates(learner, session.slice(3)), 1)
  })

  test('an outcome that is no choice leaves none taken', () => {
    const none = (cumulative: Record<string, number>) => {
      const learner = newLearner({ learningRate: 0.02 })
      const slate = [change(first, { cumulative: {} }), change(second, { cumulative })]
      for (let n = 0; n < 100; n++) learner.learn(slate)
      return learner.learn(slate).stats.none_probability
    }
    assert.ok(none({ view: 1 }) > 0.9)
    assert.ok(none({ click: 1 }) < 0.1)
  })

  test('refused by reason', () => {
    const cases: [string, Example][] = [
      ['no_next_candidates', { ...first, nextCandidates: [] }],
      ['late_unlearned', change(first, { kind: 'reward', revision: 1 })],
      ['late_unlearned', change(first, { slot: -1, kind: 'reward', revision: 1 })],
      ['not_finite', { ...change(first, { slot: -1 }), reward: Number.NaN }],
    ]
    for (const [reason, each] of cases) assert.deepEqual(newLearner().learn([each]).refused, { [reason]: 1 })
  })
})

describe('a checkpoint', () => {
  test('holds the target network and all else to go on from', () => {
    const [learner, other] = [
      newLearner({ bufferSize: 80, targetCopySteps: 4 }),
      newLearner({ bufferSize: 80, targetCopySteps: 4 }),
    ]
    learn(learner, 6)
    other.restore(publish(learner, '1', true))
    for (const each of [learner, other]) for (let n = 20; n < 27; n++) each.learn(played(41, n))
    assert.deepEqual(publish(other, '2', true), publish(learner, '2', true))
  })
  test('of one head: MODEL_INCOMPATIBLE', () => {
    const model = publish(dqnLearner({ ...dqn.parse({}), ...small }, tensorflow), '1', true)
    assert.throws(
      () => newLearner().restore(model),
      error => isCode(error, 'MODEL_INCOMPATIBLE'),
    )
  })
})
