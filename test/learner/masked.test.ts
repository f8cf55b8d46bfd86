import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { dqnLearner } from '../../src/learner/dqn/learner.ts'
import { dqn } from '../../src/learner/dqn/schema.ts'
import { createExampleEncoder } from '../../src/learner/examples.ts'
import type { Example, Learner } from '../../src/learner/learner.ts'
import { slateQLearner } from '../../src/learner/slate-q/learner.ts'
import { slateQ } from '../../src/learner/slate-q/schema.ts'
import { loadTensorFlow } from '../../src/learner/tensorflow.ts'
import { createTowers, logit } from '../../src/learner/towers/towers.ts'
import { decodeWeights } from '../../src/learner/towers/training.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { publish, snapshotOf, transitionOf } from './examples.ts'

const encoder = createStateEncoder(parseConfig({}))
const vectors: Readonly<Record<string, Float32Array>> = {
  a: Float32Array.of(1, 0),
  b: Float32Array.of(0, 1),
  c: Float32Array.of(1, 1),
}
const candidates = Object.keys(vectors).map(item_id => ({
  item_id,
  feature_version: 1,
  source: 'request',
  inclusion_probability: 1,
}))
const encode = (masked: readonly number[], action: string) => {
  const examples = createExampleEncoder({ encoder, dimensions: 2, usesCandidates: true, weightOf: () => 1 })
  const example = examples.encode(transitionOf({ candidates, masked, action: [action] }), { vector: id => vectors[id] })
  assert.ok(typeof example === 'object')
  return [example.candidates, example.action]
}

test('a choice is learned among the candidates that could be drawn', () => {
  assert.deepEqual(encode([], 'b'), [[vectors.a, vectors.b, vectors.c], 1])
  assert.deepEqual(encode([0], 'b'), [[vectors.b, vectors.c], 0])
})

test('a pinned item is masked, and is what was shown all the same', () => {
  assert.deepEqual(encode([0, 1], 'b'), [[vectors.b, vectors.c], 0])
})

for (const [name, next_candidates, next_masked, expected] of [
  ['none are known', null, [], null],
  ['nothing is masked', candidates, [], ['a', 'b', 'c']],
  ['some are', candidates, [0, 2], ['b']],
  ['all are', candidates, [0, 1, 2], []],
] as const)
  test(`of the next decision those are looked at that it could show: ${name}`, () => {
    const options = { encoder, dimensions: 2, usesCandidates: true, usesNextCandidates: true, weightOf: () => 1 }
    const transition = transitionOf({ candidates, next_state: snapshotOf(), next_candidates, next_masked })
    const example = createExampleEncoder(options).encode(transition, { vector: id => vectors[id] })
    assert.ok(typeof example === 'object')
    assert.deepEqual(example.nextCandidates, expected?.map(id => vectors[id]) ?? null)
  })

/** Bait is worth 1 and goes on for ever, gold 10 and is the end: bait is worth 1 + .8 · 10, or 1 / (1 − .8) where gold never comes. */
const tensorflow = await loadTensorFlow()
const shape = {
  stateDimensions: encoder.dimensions,
  itemDimensions: 2,
  hidden: 16,
  embedding: 8,
  learningRate: 0.01,
  batchSize: 64,
  stepsPerBatch: 1,
  targetCopySteps: 15,
  bootstraps: true,
}
/** Not dueling, whose Q is relative to the mean of the candidates: here they are others than those of what comes next. */
const valueLearners: Readonly<Record<string, () => Learner>> = {
  dqn: () => dqnLearner({ ...dqn.parse({}), ...shape, dueling: false }, tensorflow),
  'slate-q': () => slateQLearner({ ...slateQ.parse({}), ...shape, isTaken: type => type === 'click' }, tensorflow),
}
const two = candidates.slice(0, 2)

/** Half of 64 decisions each; of what comes after bait some candidates are masked. */
function sessions(next_masked: readonly number[], round: number): Example[] {
  const examples = createExampleEncoder({
    encoder,
    dimensions: 2,
    usesCandidates: true,
    usesNextCandidates: true,
    weightOf: () => 1,
  })
  return Array.from({ length: 64 }, (_, i) => {
    const isGold = i % 2 === 1
    const wayOn = isGold
      ? { discount: null, terminated: true }
      : { discount: 0.8, next_state: snapshotOf(), next_candidates: two, next_masked }
    const transition = transitionOf({
      transition_id: `${round}-${i}/0`,
      decision_id: `${round}-${i}`,
      candidates: two,
      action: [isGold ? 'b' : 'a'],
      cumulative: { click: isGold ? 10 : 1 },
      ...wayOn,
    })
    return examples.encode(transition, { vector: id => vectors[id] }) as Example
  })
}

/** Q(s, bait); of slates, once it is taken. */
function worthOfBait(learner: Learner): number {
  const model = publish(learner, '1', true)
  const { user, item } = createTowers(decodeWeights(model).weights)
  const { embedding, value } = user(encoder.encode(snapshotOf(), () => undefined))
  const bait = item(vectors.a)
  return model.algorithm === 'slate-q' ? value + logit(embedding, bait, 1, 2) : logit(embedding, bait, 0, 1)
}

describe('what comes next is worth the best that it could show', () => {
  for (const [algorithm, create] of Object.entries(valueLearners))
    for (const [name, masked, expected] of [
      ['all', [], 9],
      ['all but the masked', [1], 5],
    ] as const)
      test(`${algorithm}: ${name}`, () => {
        const learner = create()
        for (let round = 0; round < 400; round++) learner.learn(sessions(masked, round))
        const worth = worthOfBait(learner)
        assert.ok(Math.abs(worth - expected) < 0.05 * expected, `${worth} for ${expected}`)
      })
})
