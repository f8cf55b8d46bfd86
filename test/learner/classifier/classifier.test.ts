import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelVersion } from '../../../schemas/records.ts'
import { isCode } from '../../../src/errors.ts'
import { type Classifier, createClassifier } from '../../../src/learner/classifier/classifier.ts'
import { crossEntropy, initialWeights, type Labelled, weightNames } from '../../../src/learner/classifier/network.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { createWire } from '../../../src/log/wire/create.ts'
import { createRandom } from '../../../src/state/random.ts'
import { versionOf } from '../examples.ts'

const tensorflow = await loadTensorFlow()
/** The baseline as it is known: 10 numbers, 64 units, 4 actions. */
const options = { inputs: 10, hidden: 64, actions: 4, seed: 3 }

const published = (classifier: Classifier): ModelVersion => versionOf(classifier.snapshot())

/** The right action is that of the largest of the first four numbers. */
function lesson(size: number, seed: number): Labelled {
  const random = createRandom(seed)
  const states = Float32Array.from({ length: size * 10 }, random.normal)
  const actions = Int32Array.from({ length: size }, (_, b) => {
    const four = states.subarray(10 * b, 10 * b + 4)
    return four.indexOf(Math.max(...four))
  })
  return { states, actions, weights: new Float32Array(size).fill(1) }
}

function accuracy(classifier: Classifier, { states, actions }: Labelled): number {
  const right = actions.filter((action, b) => {
    const p = classifier.probabilities(states.subarray(10 * b, 10 * b + 10))
    return p.indexOf(Math.max(...p)) === action
  })
  return right.length / actions.length
}

describe(`the classifier on ${tensorflow.backend}`, () => {
  test('its gradient is that of finite differences, its loss that of plain arrays', () => {
    const shape = { inputs: 3, hidden: 5, actions: 4 }
    const random = createRandom(8)
    const weights = initialWeights(shape, 1)
    for (const name of weightNames)
      for (let i = 0; i < weights[name].length; i++) weights[name][i] += 0.2 * random.normal()
    const batch: Labelled = {
      states: Float32Array.from({ length: 18 }, random.normal),
      actions: Int32Array.of(0, 1, 2, 3, 1, 1),
      weights: Float32Array.of(1, 2, 0.5, 1, 0, 3),
    }
    const loss = () => crossEntropy(tensorflow, shape, weights, batch).loss
    const { gradients } = crossEntropy(tensorflow, shape, weights, batch)
    for (const name of weightNames)
      for (let i = 0; i < weights[name].length; i++) {
        const kept = weights[name][i]
        weights[name][i] = kept + 1e-2
        const above = loss()
        weights[name][i] = kept - 1e-2
        const slope = (above - loss()) / 2e-2
        weights[name][i] = kept
        assert.ok(
          Math.abs(slope - gradients[name][i]) < 2e-3 + 0.02 * Math.abs(slope),
          `${name} ${i}: ${slope}, ${gradients[name][i]}`,
        )
      }
  })
  test('it learns by cross-entropy, and serves what it learned', () => {
    const classifier = createClassifier(options, tensorflow)
    const held = lesson(500, 99)
    const before = accuracy(classifier, held)
    const losses = Array.from({ length: 400 }, (_, step) => classifier.train(lesson(128, step)))
    assert.ok(before < 0.45 && accuracy(classifier, held) > 0.9, `${before}, ${accuracy(classifier, held)}`)
    assert.ok(losses[0] > 1.2 && losses.at(-1)! < 0.4, `${losses[0]}, ${losses.at(-1)}`)
    const served = Array.from(
      held.actions,
      (action, b) => -Math.log(classifier.probabilities(held.states.subarray(10 * b, 10 * b + 10))[action]),
    )
    const mean = served.reduce((sum, each) => sum + each, 0) / served.length
    assert.ok(Math.abs(mean - classifier.train(held)) < 1e-4, 'the backend and plain arrays agree')
  })
  test('weighted by reward over propensity it finds what pays, whatever was shown most', () => {
    const classifier = createClassifier({ ...options, learningRate: 0.005 }, tensorflow)
    const random = createRandom(5)
    for (let step = 0; step < 150; step++) {
      const { states, actions: best } = lesson(128, step)
      const shown = Int32Array.from(best, () => (random.uniform() < 0.7 ? 0 : 1 + Math.floor(3 * random.uniform())))
      const weights = Float32Array.from(shown, (action, b) => (action === best[b] ? 1 : 0) / (action === 0 ? 0.7 : 0.1))
      classifier.train({ states, actions: shown, weights })
    }
    assert.ok(accuracy(classifier, lesson(500, 99)) > 0.8)
  })
  test('saved and loaded as a version on the wire it goes on bit for bit', async () => {
    const wire = await createWire({ prefix: '' })
    const first = createClassifier(options, tensorflow)
    for (let step = 0; step < 20; step++) first.train(lesson(64, step))
    const bytes = wire.encode('models', published(first))
    const second = createClassifier({ ...options, seed: 7 }, tensorflow)
    second.restore(wire.decode('models', bytes) as ModelVersion)
    for (let step = 20; step < 25; step++) assert.equal(second.train(lesson(64, step)), first.train(lesson(64, step)))
    assert.deepEqual(second.probabilities(new Float64Array(10)), first.probabilities(new Float64Array(10)))
  })
  test('a batch that is not finite changes nothing; a checkpoint of another shape is refused', () => {
    const classifier = createClassifier(options, tensorflow)
    const before = classifier.snapshot()
    const batch = lesson(8, 1)
    batch.states[3] = Number.POSITIVE_INFINITY
    assert.ok(Number.isNaN(classifier.train(batch)))
    assert.deepEqual(classifier.snapshot(), before)
    const other = createClassifier({ ...options, hidden: 32 }, tensorflow)
    assert.throws(
      () => other.restore(published(classifier)),
      error => isCode(error, 'MODEL_INCOMPATIBLE'),
    )
  })
})
