/** The pole on a cart is learned, in a short version: `bench -- sequences --only cartpole` asks for 475 steps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { learners } from '../../bench/sequences/cartpole.ts'
import { configOf, judged, trainerOf } from '../../bench/sequences/play.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { sampledReturn } from '../../src/training/evaluate.ts'

const environment = openEnvironment('cartpole')
const DECISIONS = 25_000
/** Chance holds it for 22 in the mean. */
const LEAST = 60

for (const policy of learners)
  test(`${policy.algorithm} holds the pole for ${LEAST} steps after ${DECISIONS} decisions`, async () => {
    const trainer = await trainerOf({ environment, policy, seed: 1 })
    trainer.run(DECISIONS)
    const { mean } = sampledReturn(environment, configOf(environment, judged(policy)), trainer.policy, {
      episodes: 20,
      seed: 5,
    })
    assert.ok(mean >= LEAST, String(mean))
  })
