/** A reader that starts near the end of `models` and `releases` serves what one that reads everything serves. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelVersion, Release } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { createLinearLearner } from '../../src/learner/linear/learner.ts'
import { createServing } from '../../src/models/serving.ts'
import { findVersion, servingStart, wholeVersion } from '../../src/models/start.ts'
import { follow } from '../../src/operate/broadcast.ts'
import type { ServiceContext } from '../../src/operate/context.ts'
import { exampleOf, plainFeatures, publish } from '../learner/examples.ts'
import { ignorantWire } from '../wire/ignorant.ts'
import { chainOf, openBus } from './bus.ts'

const config = parseConfig({ features: { dimensions: 2 } })
const d = 11
const FULL_EVERY = 30
const name = (version: number): string => String(version).padStart(12, '0')

/** A learner's life: versions 1 … n, a full one every 30. */
function life(n: number): ModelVersion[] {
  const options = { priorPrecision: 1, maxItems: 9, halfLifeMs: 0, maxCheckpointBytes: 1 << 20 }
  const learner = createLinearLearner({ ...plainFeatures(d), ...options })
  return Array.from({ length: n }, (_, i) => {
    const x = Float64Array.from({ length: d }, (_, k) => (k === 0 ? 1 : Math.sin(i * k)))
    const reward = { click: i % 3 }
    learner.learn([exampleOf(x, { action: [i % 2 ? 'a' : 'b'], delta: reward, cumulative: reward })])
    const parent = i === 0 ? null : name(i)
    return { ...publish(learner, name(i + 1), i % FULL_EVERY === 0), parent }
  })
}

const releaseOf = (version: number, serving: number): Release => ({
  release_version: name(version),
  policy: 'default',
  time_ms: version,
  shares: [{ model_version: name(serving), share: 1, follows: true }],
  mode: 'online',
  reason: version === serving ? 'promoted' : 'refused:MODEL_TOO_FAR',
  refused_version: version === serving ? null : name(version),
  evidence: { version: name(version) },
})

/** A bus with these versions; the gate refused all after `lastGood`. The topics `broken` end with something unreadable. */
async function bus(
  models: readonly ModelVersion[],
  lastGood: number,
  broken: readonly ('models' | 'releases')[] = [],
): Promise<ServiceContext> {
  const context = await openBus(config)
  const put = { models: chainOf(context, 'models'), releases: chainOf(context, 'releases') }
  for (const [i, model] of models.entries()) {
    await put.models(model)
    await put.releases(releaseOf(i + 1, Math.min(i + 1, lastGood)))
  }
  for (const topic of broken) await put[topic](Buffer.from('no record'))
  return context
}

async function scoresFrom(
  context: ServiceContext,
  offsets?: { models: readonly number[]; releases: readonly number[] },
) {
  const serving = createServing(config)
  let read = 0
  const take =
    <T>(put: (value: T) => void) =>
    (value: T): void => {
      read++
      put(value)
    }
  const releases = follow<Release>(context, 'releases', take(serving.putRelease), { from: offsets?.releases })
  await releases.caughtUp
  const models = follow<ModelVersion>(context, 'models', take(serving.putModel), { from: offsets?.models })
  await models.caughtUp
  const followers = [models, releases]
  await Promise.all(followers.map(each => each.stop()))
  const { policy, releaseVersion } = serving.serving('default', 'u')
  const state = Float64Array.from({ length: d }, (_, k) => 1 / (1 + k))
  const mean = policy && [...policy.scorer(state, { itemIds: ['a', 'b'], vectors: [] }).mean]
  return { serves: { version: policy?.version, releaseVersion, mean, refusals: [...serving.refusals] }, read }
}

describe('the start of who serves', () => {
  const models = life(200)
  for (const { title, lastGood, mostRead } of [
    { title: 'the newest version serves', lastGood: 200, mostRead: 2 * 64 },
    {
      title: 'all since the 35th were refused: its full checkpoint is looked for further back',
      lastGood: 35,
      mostRead: 264,
    },
  ])
    test(title, async () => {
      const context = await bus(models, lastGood)
      const start = await servingStart(context)
      const whole = await scoresFrom(context)
      const tail = await scoresFrom(context, start)
      assert.equal(whole.serves.version, name(lastGood))
      assert.deepEqual(tail.serves, whole.serves)
      assert.equal(whole.read, 400)
      assert.ok(tail.read <= mostRead, `${tail.read} read`)
      assert.deepEqual(start.standings.get('default'), {
        judged: wholeVersion(models, name(200)),
        serving: wholeVersion(models, name(lastGood)),
      })
      await context.log.close()
    })

  test('one version is found wherever it stands, with all its tensors', async () => {
    const context = await bus(models, 200)
    for (const version of [1, 34, 35, 36, 199, 200])
      assert.deepEqual(await findVersion(context, 'default', name(version)), wholeVersion(models, name(version)))
    assert.equal(await findVersion(context, 'default', name(201)), undefined)
    await context.log.close()
  })

  test('what does not decode is passed over', async () => {
    const context = await bus(models, 200, ['models', 'releases'])
    const start = await servingStart(context)
    assert.deepEqual(start.standings.get('default')?.judged, wholeVersion(models, name(200)))
    const { serves } = await scoresFrom(context, start)
    assert.equal(serves.version, name(200))
    await context.log.close()
  })

  test('a schema that is new is asked for', async () => {
    const { wire, ...context } = await bus(models, 200)
    const start = await servingStart({ ...context, wire: ignorantWire(wire) })
    assert.deepEqual(start.standings.get('default')?.judged, wholeVersion(models, name(200)))
    await context.log.close()
  })

  test('empty topics: from the first record', async () => {
    const context = await bus([], 0)
    const standings = new Map([['default', { judged: undefined, serving: undefined }]])
    assert.deepEqual(await servingStart(context), { releases: [0], models: [0], standings })
    await context.log.close()
  })
})
