import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClassification } from '../../../src/environments/classification.ts'
import { bakeFile, configFor, spreadOf } from '../../../src/evaluation/bakeoff/bakeoff.ts'
import { play } from '../../../src/evaluation/bakeoff/play.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { createRandom } from '../../../src/state/random.ts'

/** Two rings around each other: no line parts them. Columns in very unlike units. */
function rings(count: number) {
  const random = createRandom(4)
  const labels = Array.from({ length: count }, () => (random.uniform() < 0.5 ? 0 : 1))
  const features = labels.map(label => {
    const angle = 2 * Math.PI * random.uniform()
    const radius = 1 + 2 * label + 0.2 * random.normal()
    return Float64Array.of(1e5 + 1e4 * radius * Math.cos(angle), 1e-3 * radius * Math.sin(angle))
  })
  return createClassification({ name: 'rings', columns: ['x', 'y'], features, classes: ['in', 'out'], labels })
}

test('the default learns what a linear model cannot, from rewards alone', () => {
  const [{ loss, examples }] = bakeFile(rings(1200), { seeds: 2, explorers: ['thompson'] })
  assert.equal(examples, 1200)
  assert.ok(loss.mean < 0.1, `loss ${loss.mean}`)
  const overrides = { policies: [{ linearGaussian: { fourier: { features: 0 } } }] }
  const [linear] = bakeFile(rings(1200), { seeds: 1, explorers: ['thompson'], overrides })
  assert.ok(linear.loss.mean > 0.3, `linear loss ${linear.loss.mean}`)
})

test('learned features, too', async () => {
  const tensorflow = await loadTensorFlow()
  const [{ loss }] = bakeFile(rings(600), {
    seeds: 1,
    explorers: ['thompson'],
    learners: ['neural-linear'],
    tensorflow,
  })
  assert.ok(loss.mean < 0.1, `loss ${loss.mean}`)
})

test('the same seed plays the same, and a frozen policy learns nothing', () => {
  const environment = rings(400)
  const options = { environment, config: configFor(environment, 'thompson'), decisions: 300, seed: 2 }
  const first = play(options)
  assert.deepEqual(play(options).rewards, first.rewards)
  const greedy = { ...options, config: configFor(environment, 'greedy'), frozen: first.policy }
  assert.deepEqual(play(greedy).rewards, play(greedy).rewards)
})

test('two learners go on from one past', () => {
  const environment = rings(400)
  const options = { environment, config: configFor(environment, 'thompson'), decisions: 300, seed: 2 }
  const first = play(options)
  const uniform = { ...options, config: configFor(environment, 'uniform') }
  const past = first.shown.slice(0, 250)
  const { shown, rewards } = play({ ...uniform, past })
  assert.deepEqual(shown.slice(0, 250), past)
  assert.deepEqual(rewards.slice(0, 250), first.rewards.slice(0, 250))
  assert.notDeepEqual(shown, first.shown)
  // and has learned it: the very policy goes on as before
  assert.ok(
    play({ ...options, past })
      .rewards.slice(250)
      .reduce((sum, reward) => sum + reward, 0) > 40,
  )
})

test('mean and sample standard deviation', () => {
  assert.deepEqual(spreadOf([1, 3]), { mean: 2, sd: Math.SQRT2, seeds: 2 })
  assert.deepEqual(spreadOf([4]), { mean: 4, sd: 0, seeds: 1 })
})
