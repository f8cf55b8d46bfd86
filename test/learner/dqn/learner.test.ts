import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isCode } from '../../../src/errors.ts'
import { type DqnOptions, dqnLearner } from '../../../src/learner/dqn/learner.ts'
import { dqn } from '../../../src/learner/dqn/schema.ts'
import type { Example, Learner } from '../../../src/learner/learner.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { loadDqn } from '../../../src/models/dqn.ts'
import { finish } from '../../../src/models/load.ts'
import { items, normalised, optimal, played, states, vectors } from '../boredom.ts'
import { publish } from '../examples.ts'

const tensorflow = await loadTensorFlow()
const options: DqnOptions = {
  ...dqn.parse({}),
  stateDimensions: 3,
  itemDimensions: 2,
  hidden: 16,
  embedding: 8,
  learningRate: 0.005,
  batchSize: 64,
  stepsPerBatch: 1,
  targetCopySteps: 15,
  bootstraps: true,
}
const newLearner = (changes: Partial<DqnOptions> = {}) => dqnLearner({ ...options, ...changes }, tensorflow)
const tensors = (learner: Learner) => publish(learner, '1', true).tensors.map(({ name, data }) => [name, data])

const scores = (learner: Learner): number[][] => {
  const policy = finish(loadDqn(publish(learner, '1', true)))
  return states.map(state => [...policy.scorer(state, { itemIds: [...items], vectors }).mean])
}
const greedy = (learner: Learner): number[] => scores(learner).map(([bait, substance]) => Number(substance > bait))

function learn(learner: Learner, batches: number, change: (example: Example) => Example = each => each): Learner {
  for (let n = 1; n <= batches; n++) learner.learn(played(64, n).map(change))
  return learner
}

describe('a person who is bored by bait', () => {
  test('who looks at the next reward only is far from the best', () => {
    const myopic = ({ transition, ...rest }: Example): Example => ({
      ...rest,
      transition: { ...transition, discount: 0 },
    })
    const learner = learn(newLearner({ bootstraps: false }), 150, myopic)
    assert.deepEqual(greedy(learner), [0, 0])
    assert.ok(normalised(greedy(learner)) < 0)
  })
  const cases: Record<string, Partial<DqnOptions>> = {
    'the default': {},
    'by priority': { prioritised: true },
    'without dueling': { dueling: false },
    'with single Q': { double: false },
  }
  for (const [name, changes] of Object.entries(cases))
    test(`${name}: the optimum, and what everything is worth`, () => {
      const learner = learn(newLearner(changes), 450)
      assert.ok(normalised(greedy(learner)) >= 0.95)
      const learned = scores(learner)
      optimal.flat().forEach((expected, i) => {
        assert.ok(Math.abs(learned.flat()[i] - expected) < 0.05 * expected, `${learned} for ${optimal}`)
      })
    })
  test('sessions of chance in three steps: what is worth more is found, though the worth is that of chance', () => {
    assert.deepEqual(greedy(learn(newLearner({ returnSteps: 3 }), 300)), [1, 1])
  })
  test('where sessions end by chance squared errors fit the mean; a line from 1 on overrates what goes on', () => {
    // 1 a decision, one in five is the last: 1 / .2
    const worth = (huber: number) => {
      const learner = newLearner({ huber, targetCopySteps: 10 })
      for (let n = 1; n <= 300; n++)
        learner.learn(
          played(50, n).map(({ transition, ...rest }, i) => {
            const going = { ...transition, action: ['bait'], cumulative: { click: 1 }, discount: 1 }
            const same = {
              ...rest,
              action: 0,
              state: states[0],
              nextState: states[0],
              nextCandidates: [vectors[0]],
              reward: 1,
            }
            const ended = { ...going, discount: null, terminated: true, next_decision_id: null }
            return { ...same, candidates: [vectors[0]], transition: i % 5 === 0 ? ended : going }
          }),
        )
      const policy = finish(loadDqn(publish(learner, '1', true)))
      return policy.scorer(states[0], { itemIds: ['bait'], vectors: [vectors[0]] }).mean[0]
    }
    const [squared, line] = [worth(0), worth(1)]
    assert.ok(Math.abs(squared - 5) < 0.5, `${squared}`)
    assert.ok(line > 6, `${line}`)
  })
  test('logs of any kind teach it', () => {
    for (const propensity_kind of ['unknown', 'deterministic', 'estimated'] as const)
      assert.equal(newLearner().learn(played(64, 1, { propensity_kind })).learned, 64)
  })
})

/** Each as three revisions: what is known at first, its reward, and what came next. */
const revised = (examples: readonly Example[]): [Example, Example, Example][] =>
  examples.map(({ transition, nextState, nextCandidates, ...rest }) => {
    const open = { ...rest, nextState: null, nextCandidates: null }
    const unknown = { ...transition, discount: null, next_decision_id: null }
    return [
      { ...open, reward: 0.1, transition: unknown },
      { ...open, transition: { ...unknown, kind: 'reward', revision: 2 } },
      {
        ...rest,
        nextState,
        nextCandidates,
        reward: 0.5,
        transition: { ...transition, kind: 'continuation', revision: 1 },
      },
    ]
  })

describe('replace: revisions in any order teach exactly what cumulative rewards teach', () => {
  const changes: Partial<DqnOptions>[] = [{}, { prioritised: true }, { returnSteps: 3 }]
  for (const change of changes)
    test(JSON.stringify(change), () => {
      const learners = [0, 1, 2].map(() => newLearner({ ...change, batchSize: 1000, stepsPerBatch: 3 }))
      for (let n = 1; n <= 4; n++) {
        const parts = revised(played(64, n))
        learners[0].learn(played(64, n))
        learners[1].learn(parts.flat())
        learners[2].learn([...parts.map(([first]) => first), ...parts.flatMap(([, a, b]) => [b, a]).reverse()])
      }
      const [whole, ...others] = learners.map(tensors)
      for (const other of others) assert.deepEqual(other, whole)
    })

  test('and late ones: a reward that comes steps later renews the priority, in any order', () => {
    const learners = [0, 1].map(() => newLearner({ prioritised: true, batchSize: 1000 }))
    const parts = revised(played(64, 1))
    const late = parts.flatMap(([, reward, continuation]) => [reward, continuation])
    for (const [i, learner] of learners.entries()) {
      learner.learn(parts.map(([first]) => first))
      learner.learn(played(64, 2))
      learner.learn(i === 0 ? late : late.toReversed())
      learner.learn(played(64, 3))
    }
    assert.deepEqual(tensors(learners[1]), tensors(learners[0]))
  })
})

describe('a checkpoint', () => {
  for (const prioritised of [false, true])
    test(`holds the target network and all else to go on from${prioritised ? ', and the highest priority, which what is new gets' : ''}`, () => {
      const make = () => newLearner({ bufferSize: 64, targetCopySteps: 4, prioritised })
      const [first, second] = [make(), make()]
      learn(first, 6)
      const model = publish(first, '1', true)
      if (prioritised) assert.ok(model.parameters.highest_priority > 1, 'another than at the start')
      second.restore(model)
      for (const learner of [first, second]) for (let n = 20; n < 27; n++) learner.learn(played(64, n))
      assert.deepEqual(publish(second, '2', true), publish(first, '2', true))
    })
  test('of a learner that has not begun holds the network that it starts from', () => {
    const [first, second] = [newLearner(), newLearner({ seed: 2 })]
    second.restore(publish(first, '1', true))
    assert.deepEqual(publish(second, '1', true), publish(first, '1', true))
  })
  test('of another shape: MODEL_INCOMPATIBLE; without a target network, too', () => {
    const model = publish(newLearner(), '1', true)
    const bare = { ...model, tensors: model.tensors.filter(({ name }) => !name.startsWith('target/')) }
    const refused = (learner: Learner, version: typeof model) =>
      assert.throws(
        () => learner.restore(version),
        error => isCode(error, 'MODEL_INCOMPATIBLE'),
      )
    refused(newLearner({ hidden: 9 }), model)
    refused(newLearner(), bare)
  })
})

describe('what is learned', () => {
  const [example] = played(1, 1)
  const revision = (changes: object): Example => ({ ...example, transition: { ...example.transition, ...changes } })

  test('a transition that ended is worth its reward; one that was cut, or is open, waits', () => {
    const updates = (each: Example) => newLearner().learn([each]).stats.updates
    const open = { ...revision({ discount: null, next_decision_id: null }), nextState: null, nextCandidates: null }
    const ended = { ...open, transition: { ...open.transition, terminated: true } }
    const cut = { ...open, transition: { ...open.transition, truncated: true } }
    assert.deepEqual([open, ended, cut, example].map(updates), [0, 1, 0, 1])
    const alone = newLearner({ learningRate: 0.02 })
    for (let n = 0; n < 200; n++) alone.learn([ended])
    const learned = scores(alone)[states.indexOf(ended.state)][items.indexOf(ended.transition.action[0] as 'bait')]
    assert.ok(Math.abs(learned - ended.reward) < 0.02, `${learned}, ${ended.reward}`)
  })

  test('refused by reason', () => {
    const stale = newLearner({ maxAgeMs: 1000 })
    stale.learn(played(10, 1))
    const cases: [string, Learner, Example][] = [
      ['no_next_candidates', newLearner(), { ...example, nextCandidates: [] }],
      ['late_unlearned', newLearner(), revision({ kind: 'reward', revision: 1 })],
      ['stale', stale, example],
    ]
    for (const [reason, learner, each] of cases) assert.deepEqual(learner.learn([each]).refused, { [reason]: 1 })
  })

  test('the target network lags by whole steps, and catches up', () => {
    const learner = newLearner({ targetCopySteps: 3 })
    const lags = [1, 2, 3, 4, 5].map(n => learner.learn(played(64, n)).stats.target_lag)
    assert.deepEqual(lags, [0, 1, 2, 0, 1])
  })

  test('an update that is not finite is refused and counted, weights kept', () => {
    const learner = newLearner({ prioritised: true })
    const before = tensors(learner)
    const { stats } = learner.learn([{ ...revision({ weight: 3e38 }), reward: 1e-3 }])
    assert.deepEqual([stats.updates, stats.refused_updates], [0, 1])
    assert.deepEqual(tensors(learner), before)
  })

  test('no tensor is left behind', () => {
    const learner = learn(newLearner(), 2)
    const { tf } = tensorflow
    const before = tf.memory().numTensors
    learn(learner, 3)
    assert.equal(tf.memory().numTensors, before)
  })
})
