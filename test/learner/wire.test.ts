import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelVersion, Transition } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { createLearnerStage } from '../../src/learner/step.ts'
import { learnersWire } from '../../src/learner/wire.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { noVectors, snapshotOf, transitionOf } from './examples.ts'

const whole = await createWire({ prefix: 'p.' })
const linear = { algorithm: 'linear-gaussian' as const }
const state = snapshotOf({ hour: 3 })
const closed = { state, delta: { click: 1 }, cumulative: { click: 1 }, next_state: state, next_candidates: [] }
const bytes = whole.encode('transitions', transitionOf(closed))

test('candidates and what came next are left out where no learner looks at them', () => {
  const { candidates, next_state, next_candidates, next_masked, ...rest } = whole.decode(
    'transitions',
    bytes,
  ) as Transition
  assert.ok(candidates.length > 0 && next_state && next_candidates && next_masked)
  assert.deepEqual({ ...(learnersWire(whole, [linear]).decode('transitions', bytes) as object) }, rest)
  for (const algorithm of ['two-tower', 'neural-linear'] as const)
    assert.equal(learnersWire(whole, [linear, { algorithm }]), whole)
})

test('the same is learned from the rest', async () => {
  const config = parseConfig({ features: { dimensions: 2 } })
  const learned = await Promise.all(
    [whole, learnersWire(whole, [linear])].map(async wire => {
      const stage = createLearnerStage(config, config.policies[0])
      const value = wire.decode('transitions', bytes)
      const at = { topic: 'transitions' as const, partition: 0, offset: 0, key: 'u', timestampMs: 0, headers: {} }
      const tick = { timeMs: 1, watermarkMs: 1 }
      return stage.step(await stage.open(0), [{ ...at, value }], tick, noVectors).outputs[0].value as ModelVersion
    }),
  )
  assert.equal(learned[0].metrics.learned, 1)
  assert.deepEqual(learned[1], learned[0])
})
