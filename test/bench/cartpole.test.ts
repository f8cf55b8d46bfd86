/** The pole on a cart is learned, in a short version: `bench -- sequences --only cartpole` asks for 475 steps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { learners } from '../../bench/sequences/cartpole.ts'
import { configOf, judged, trainerOf } from '../../bench/sequences/play.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { sampledReturn } from '../../src/training/evaluate.ts'

const environment = openEnvironment('cartpole')
/** Between two looks: an on-policy learner may lose again what it holds, and training ends at the first mark reached. */
const EVERY = 2500
const MOST = 40_000
/** Chance holds it for 22 in the mean. */
const LEAST = 100

for (const policy of learners)
  test(`${policy.algorithm} holds the pole for ${LEAST} steps within ${MOST} decisions`, async () => {
    const trainer = await trainerOf({ environment, policy, seed: 1 })
    const held = () =>
      sampledReturn(environment, configOf(environment, judged(policy)), trainer.policy, { episodes: 20, seed: 5 }).mean
    let mean = 0
    while (mean < LEAST && trainer.progress.decisions < MOST) {
      trainer.run(EVERY)
      mean = held()
    }
    assert.ok(mean >= LEAST, String(mean))
  })
