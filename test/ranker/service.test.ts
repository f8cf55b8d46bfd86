/** The ranker as a service: what it does before it begins; an order may name a version from long ago, or one that is nowhere any more. */
import assert from 'node:assert/strict'
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Recommendation, Release, Share } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { createLinearLearner } from '../../src/learner/linear/learner.ts'
import { follow } from '../../src/operate/broadcast.ts'
import { topicName } from '../../src/pipeline.ts'
import { runRanker } from '../../src/ranker/service.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { plainFeatures, publish } from '../learner/examples.ts'
import { chainOf, openBus } from '../models/bus.ts'
import { request } from '../operate/live.ts'
import { catalogueRecords } from './fixtures.ts'

const config = parseConfig({ topics: { partitions: 1 }, features: { dimensions: 2 }, step: { intervalMs: 5 } })
const VERSIONS = 150
const name = (version: number) => String(version).padStart(12, '0')

test('a pinned version is fetched from the log, and one that is gone keeps nobody waiting', {
  timeout: 60_000,
}, async t => {
  const context = await openBus(config)
  const { log, wire } = context
  const publishModel = chainOf(context, 'models')
  const publishRelease = chainOf(context, 'releases')
  let releases = 0
  const release = (shares: readonly Share[], over: Partial<Release> = {}): Promise<void> =>
    publishRelease({
      release_version: name(++releases),
      policy: 'default',
      time_ms: Date.now(),
      shares,
      mode: 'online',
      reason: 'manual',
      refused_version: null,
      evidence: {},
      ...over,
    })
  const share = (version: number, part: number): Share => ({
    model_version: name(version),
    share: part,
    follows: false,
  })
  const learner = createLinearLearner({
    ...plainFeatures(createStateEncoder(config).dimensions),
    priorPrecision: 1,
    maxItems: 9,
    halfLifeMs: 0,
    maxCheckpointBytes: 1 << 20,
  })
  const models = Array.from({ length: VERSIONS }, (_, i) => publish(learner, name(i + 11), i % 30 === 0))
  for (const value of catalogueRecords(3, 2)) {
    const record = { key: Buffer.from(value.feature_key), value: wire.encode('features', value) }
    await log.append(topicName(config.topics.prefix, 'features'), 0, [record])
  }
  for (const [i, model] of models.entries()) {
    await publishModel(model)
    const evidence = { version: model.version }
    await release([{ ...share(i + 11, 1), follows: true }], { reason: 'promoted', evidence })
  }
  const decisions = new Map<string, Recommendation>()
  const follower = follow<Recommendation>(context, 'recommendations', made => decisions.set(made.decision_id, made))
  const ranker = await runRanker(context)
  t.after(async () => {
    for (const each of [ranker, follower]) await each.stop()
    await log.close()
  })
  /** The version that serves a user. */
  const serves = async (user: string): Promise<string> => {
    const asked = request(user)
    const record = { key: Buffer.from(user), value: wire.encode('requests', asked) }
    await log.append(topicName(config.topics.prefix, 'requests'), 0, [record])
    while (!decisions.has(asked.request_id)) await sleep(5)
    return decisions.get(asked.request_id)!.model_version
  }
  const until = async (version: number): Promise<void> => {
    while ((await serves('ann')) !== name(version)) await sleep(5)
  }
  await until(10 + VERSIONS)
  await release([share(13, 1)])
  await until(13)
  // Older than any in the log.
  await release([share(5, 0.5), share(20, 0.5)])
  await until(20)
  for (let i = 0; i < 20; i++) assert.equal(await serves(`u${i}`), name(20))
})

test('what reading the catalogue left behind is gone before the first decision', { timeout: 60_000 }, async t => {
  let looks = 0
  const observer = new PerformanceObserver(list => {
    for (const { detail } of list.getEntries() as unknown as GarbageEntry[])
      if (
        detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR &&
        detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED
      )
        looks++
  })
  observer.observe({ entryTypes: ['gc'] })
  const context = await openBus(config)
  const ranker = await runRanker(context)
  t.after(async () => {
    observer.disconnect()
    await ranker.stop()
    await context.log.close()
  })
  while (ranker.waitingFor() !== '') await sleep(5)
  await sleep(50)
  assert.equal(looks, 1)
})

interface GarbageEntry {
  readonly detail: { readonly kind: number; readonly flags: number }
}
