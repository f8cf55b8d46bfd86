import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Now } from '../../../src/learner/gradient/method.ts'
import { createBehaviour } from '../../../src/learner/reinforce/behaviour.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { createNetwork } from '../../../src/learner/towers/network.ts'
import { initialParameters } from '../../../src/learner/towers/parameters.ts'

const options = {
  stateDimensions: 1,
  itemDimensions: 1,
  hidden: 2,
  embedding: 2,
  learningRate: 0.1,
  maxGradientNorm: 1,
  seed: 1,
}
const network = createNetwork(await loadTensorFlow(), options)
const now: Now = { network, weights: initialParameters(options, 1), version: 0, draws: () => 0, valueUnit: 1 }
const shown = (size: number) => ({
  state: Float64Array.of(size),
  candidates: [Float32Array.of(size), Float32Array.of(-size)],
  action: 0,
  weight: 1,
})

test('a step that is not finite changes nothing and is counted', () => {
  const behaviour = createBehaviour(options)
  behaviour.learn([shown(1)], now)
  assert.equal(behaviour.stats().refused_updates_behaviour, 0)
  const before = behaviour.snapshot()
  behaviour.learn([shown(3e38)], now)
  assert.equal(behaviour.stats().refused_updates_behaviour, 1)
  assert.deepEqual(behaviour.snapshot(), before)
})
