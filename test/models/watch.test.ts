/** What serving says of itself: version, its age, and how old outcomes are by then and by the first decision. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Release } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { createLinearLearner } from '../../src/learner/linear/learner.ts'
import { createMeter } from '../../src/metrics.ts'
import { finish } from '../../src/models/load.ts'
import { createServing } from '../../src/models/serving.ts'
import { watchServing } from '../../src/models/watch.ts'
import { plainFeatures, publish } from '../learner/examples.ts'
import { decision } from '../transitions/make.ts'

const options = { priorPrecision: 1, maxItems: 9, halfLifeMs: 0, maxCheckpointBytes: 1 << 20 }
const learner = createLinearLearner({ ...plainFeatures(2), ...options })
const release = (version: string): Release => ({
  release_version: `r${version}`,
  policy: 'default',
  time_ms: 0,
  shares: [{ model_version: version, share: 1, follows: true }],
  mode: 'online',
  reason: 'promoted',
  refused_version: null,
  evidence: {},
})

function start() {
  const meter = createMeter()
  const clock = { nowMs: 0 }
  const watched = watchServing({
    serving: createServing(parseConfig({})),
    policies: ['default'],
    meter,
    now: () => clock.nowMs,
    caughtUp: () => true,
  })
  const bring = (version: string, createdMs: number, times: readonly number[] = []) =>
    finish(watched.takeOver({ ...publish(learner, version, true), created_ms: createdMs, outcome_times_ms: times }))
  const serve = (version: string, nowMs: number, times: readonly number[]) => {
    clock.nowMs = nowMs
    bring(version, nowMs - 500, times)
    watched.putRelease(release(version))
  }
  const decide = (version: string, nowMs: number) => {
    clock.nowMs = nowMs
    watched.decided([{ key: 'u', value: decision('d', 0, { model_version: version }) }], 0)
  }
  const sample = async (name: string) => {
    const line = (await meter.registry.metrics()).split('\n').find(each => each.startsWith(`${name} `))
    return line === undefined ? undefined : Number(line.slice(name.length + 1))
  }
  const ages = async (until: string) => [
    await sample(`feedloop_freshness_seconds_count{until="${until}"}`),
    await sample(`feedloop_freshness_seconds_sum{until="${until}"}`),
  ]
  return { watched, bring, serve, decide, sample, ages }
}

test('an outcome is as old as it is when its version begins to serve, and older by its first decision; each once', async () => {
  const { serve, decide, ages } = start()
  serve('0001', 10_000, [9000, 8000])
  assert.deepEqual(await ages('serving'), [2, 3])
  decide('', 11_000)
  assert.deepEqual(await ages('decision'), [undefined, undefined], 'the initial policy knows nothing')
  decide('0001', 12_000)
  decide('0001', 20_000)
  assert.deepEqual(await ages('decision'), [2, 7])
})

test('what a version learned that never decided is in the next one, and counts when that decides', async () => {
  const { serve, decide, ages } = start()
  serve('0001', 10_000, [9000])
  serve('0002', 20_000, [19_000])
  decide('0002', 21_000)
  assert.deepEqual(await ages('decision'), [2, 14])
})

test('which version serves, and since when there is one', async () => {
  const { serve, sample } = start()
  const version = () => sample('feedloop_model_version{stage="ranker",policy="default"}')
  assert.equal(await version(), 0)
  serve('0007', 10_000, [])
  assert.equal(await version(), 7)
  assert.equal(await sample('feedloop_model_created_timestamp_seconds{policy="default"}'), 9.5)
})

test('after a rollback the time is that of the version that serves, if there is one and it is known', async () => {
  const { watched, bring, serve, sample, ages } = start()
  const serves = async () => [
    await sample('feedloop_model_version{stage="ranker",policy="default"}'),
    await sample('feedloop_model_created_timestamp_seconds{policy="default"}'),
  ]
  serve('0007', 10_000, [9000])
  watched.putRelease(release(''))
  assert.deepEqual(await serves(), [0, undefined], 'the initial policy')
  watched.putRelease(release('0007'))
  assert.deepEqual(await serves(), [7, 9.5])
  watched.putRelease(release('0003'))
  assert.deepEqual(await serves(), [7, 9.5], 'until it is here')
  bring('0003', 2000, [1000])
  assert.deepEqual(await serves(), [3, 2])
  assert.deepEqual(await ages('serving'), [1, 1], 'what it learned has served before')
  watched.putRelease(release('0002'))
  watched.forsake('default', '0002')
  assert.deepEqual(await serves(), [2, undefined])
})
