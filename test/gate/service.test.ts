/** The gate as a service: who takes the task over stands where the one before stood, whenever it was started. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelVersion } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { runGate } from '../../src/gate/service.ts'
import { createLinearLearner } from '../../src/learner/linear/learner.ts'
import { exampleOf, plainFeatures, publish } from '../learner/examples.ts'
import { chainOf, openBus } from '../models/bus.ts'
import { followReleases } from '../models/releases.ts'

const config = parseConfig({ features: { dimensions: 2 }, gate: { maxKl: 2 } })
const d = 1 + 2 + 8
const ones = new Float64Array(d).fill(1)

/** The first promises nothing, the others very much; all but the second are full checkpoints. */
function far(n: number): ModelVersion[] {
  const options = { priorPrecision: 1, maxItems: 9, halfLifeMs: 0, maxCheckpointBytes: 1 << 20 }
  const learner = createLinearLearner({ ...plainFeatures(d), ...options })
  return Array.from({ length: n }, (_, i) => {
    for (const item of ['a', 'b']) {
      const reward = { click: i > 0 && item === 'a' ? 1000 : 0 }
      learner.learn([exampleOf(ones, { action: [item], delta: reward, cumulative: reward })])
    }
    return { ...publish(learner, String(i + 1), i !== 1), parent: i === 0 ? null : String(i) }
  })
}

test('a standby that takes over after a refusal keeps to the bound', { timeout: 60_000 }, async t => {
  const context = await openBus(config)
  const publishModel = chainOf(context, 'models')
  const followed = followReleases(context)
  const judged = async (model: ModelVersion): Promise<readonly unknown[]> => {
    const { reason, shares, evidence } = await followed.next(() => publishModel(model))
    return [reason, shares[0].model_version, evidence.compared_with]
  }
  const owner = await runGate(context)
  const standby = await runGate(context)
  t.after(async () => {
    for (const each of [owner, standby, followed]) await each.stop()
    await context.log.close()
  })
  const [first, second, third] = far(3)
  assert.deepEqual(await judged(first), ['promoted', '1', ''])
  assert.deepEqual(await judged(second), ['refused:MODEL_TOO_FAR', '1', '1'])
  await owner.stop()
  assert.deepEqual(await judged(third), ['refused:MODEL_TOO_FAR', '1', '1'])
})
