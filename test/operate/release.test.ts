/** Orders about traffic, carried out beside a gate that runs and by themselves. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { ModelVersion, Release } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import type { FeedloopError } from '../../src/errors.ts'
import { runGate } from '../../src/gate/service.ts'
import { createLinearLearner } from '../../src/learner/linear/learner.ts'
import type { Order } from '../../src/models/traffic.ts'
import { orderRelease } from '../../src/operate/release.ts'
import { exampleOf, plainFeatures, publish } from '../learner/examples.ts'
import { chainOf, openBus } from '../models/bus.ts'
import { followReleases } from '../models/releases.ts'

const config = parseConfig({ features: { dimensions: 2 } })
const d = 1 + 2 + 8
const pad = (number: number) => String(number).padStart(12, '0')

function versions(n: number): ModelVersion[] {
  const learner = createLinearLearner({
    ...plainFeatures(d),
    priorPrecision: 1,
    maxItems: 9,
    halfLifeMs: 0,
    maxCheckpointBytes: 1 << 20,
  })
  return Array.from({ length: n }, (_, i) => {
    learner.learn([
      exampleOf(new Float64Array(d).fill(1), { action: ['a'], delta: { click: 1 }, cumulative: { click: 1 } }),
    ])
    return { ...publish(learner, pad(i + 1), i === 0), parent: i === 0 ? null : pad(i) }
  })
}

const order = (over: Partial<Order>): Order => ({
  id: randomUUID(),
  policy: 'default',
  mode: null,
  shares: null,
  why: 'a trial',
  by: 'ann',
  ...over,
})

test('beside a gate that runs: accepted once, and the gate goes on from it', { timeout: 60_000 }, async t => {
  const context = await openBus(config)
  const publishModel = chainOf(context, 'models')
  const followed = followReleases(context)
  const { releases, next } = followed
  const gate = await runGate(context)
  t.after(async () => {
    for (const each of [gate, followed]) await each.stop()
    await context.log.close()
  })
  const brief = ({ release_version, mode, reason, shares }: Release) => [
    Number(release_version),
    mode,
    reason,
    shares.map(({ model_version: version, share }) => `${Number(version)}:${share}`).join(' '),
  ]
  const [first, second, third] = versions(3)
  await next(() => publishModel(first))
  await next(() => publishModel(second))
  const shares = [
    { model_version: '', share: 0.75, follows: true },
    { model_version: pad(1), share: 0.25, follows: false },
  ]
  let told: Release | undefined
  const ordered = await next(async () => {
    told = await orderRelease(context, order({ mode: 'apprentice', shares }), 30_000)
  })
  assert.deepEqual(ordered, told)
  const promoted = await next(() => publishModel(third))
  assert.deepEqual(releases.map(brief), [
    [1, 'online', 'promoted', '1:1'],
    [2, 'online', 'promoted', '2:1'],
    [3, 'apprentice', 'manual', '2:0.75 1:0.25'],
    [4, 'apprentice', 'promoted', '3:0.75 1:0.25'],
  ])
  assert.equal(promoted.evidence.compared_with, pad(2))
})

test('without any gate and any model', { timeout: 60_000 }, async t => {
  const context = await openBus(config)
  t.after(() => context.log.close())
  const release = await orderRelease(context, order({ mode: 'logging_only' }), 30_000)
  assert.deepEqual([release.mode, release.shares], ['logging_only', [{ model_version: '', share: 1, follows: true }]])
  const again = await orderRelease(context, order({ mode: 'online' }), 30_000)
  assert.deepEqual([again.release_version, again.mode], [pad(2), 'online'])
})

test('what cannot be is refused, and nothing is appended', { timeout: 60_000 }, async t => {
  const context = await openBus(config)
  t.after(() => context.log.close())
  const publishModel = chainOf(context, 'models')
  const [first] = versions(1)
  await publishModel(first)
  await publishModel({ ...first, version: pad(2), parent: pad(1), algorithm: 'two-tower' })
  const pinned = (model_version: string) => [{ model_version, share: 1, follows: false }]
  const refused: [string, Partial<Order>, string][] = [
    ['an unknown policy', { policy: 'nobody' }, 'USAGE'],
    ['nothing to change', {}, 'USAGE'],
    ['shares of less than all', { shares: [{ model_version: '', share: 0.5, follows: true }] }, 'USAGE'],
    ['a version that is not there', { shares: pinned(pad(9)) }, 'MODEL_INCOMPATIBLE'],
    ['a version that does not load', { shares: pinned(pad(2)) }, 'MODEL_INCOMPATIBLE'],
  ]
  for (const [name, over, code] of refused)
    await assert.rejects(
      orderRelease(context, order(over), 30_000),
      (error: FeedloopError) => error.code === code,
      name,
    )
  assert.equal((await context.log.ends(`${config.topics.prefix}releases`, 0)).latest, 0)
})
