/** What the versions' towers say of a whole catalogue, by the scan. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { createFeatureStore, vectorToBytes } from '../../src/features/store.ts'
import { createLearner } from '../../src/learner/create.ts'
import { loadPolicy } from '../../src/models/load.ts'
import { createPlaced } from '../../src/ranker/retrieval/placed.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { createRandom } from '../../src/state/random.ts'
import { publish } from '../learner/examples.ts'
import { recall, vectorsLike } from '../ranker/retrieval/vectors.ts'

const dimensions = 16
const { vectors } = vectorsLike('topics', 5000, dimensions, 0)
const itemIds = vectors.map((_, row) => String(row))

for (const algorithm of ['two-tower', 'neural-linear', 'dqn'] as const)
  test(`${algorithm}: the scan finds what the version scores highest`, async () => {
    const config = parseConfig({
      features: { dimensions },
      policies: [{ algorithm, explorer: { name: 'softmax' } }],
    })
    const [policy] = config.policies
    const encoder = createStateEncoder(config)
    const learner = await createLearner(config, policy, encoder)
    const served = loadPolicy(publish(learner, '1', true), policy)
    const features = createFeatureStore()
    for (const [row, vector] of vectors.entries())
      features.put({
        feature_key: `${row}@1`,
        item_id: itemIds[row],
        feature_version: 1,
        encoder_version: 'test-1',
        vector: vectorToBytes(vector),
        attributes: {},
        available: true,
        time_ms: 1,
      })
    const placed = createPlaced(features, row => row !== 7, served.retrieval!)
    placed.follow(Number.POSITIVE_INFINITY)
    assert.equal(placed.behind, 0)
    const random = createRandom(3)
    for (let i = 0; i < 5; i++) {
      const state = Float64Array.from({ length: encoder.dimensions }, (_, j) => (j === 0 ? 1 : random.normal()))
      const { mean } = served.scorer(state, { itemIds, vectors })
      assert.deepEqual(served.retrieval!.scores(state, { itemIds, vectors }), mean)
      const best = [...vectors.keys()].filter(row => row !== 7).sort((a, b) => mean[b] - mean[a])
      const [found] = placed.scan([served.retrieval!.query(state)!], placed.rows.size, 300)
      const reranked = [...found].sort((a, b) => mean[b] - mean[a]).slice(0, 100)
      assert.ok(recall(reranked, best.slice(0, 100)) >= 0.99)
      assert.ok(!found.includes(7))
    }
    assert.equal(served.retrieval!.place(new Float32Array(3), new Float32Array(64)), Number.NEGATIVE_INFINITY)
  })
