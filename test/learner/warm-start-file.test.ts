/** The file of a log: how it is read, that a running learner learns it once, and a real one. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ModelVersion } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { isCode } from '../../src/errors.ts'
import { hashedVector } from '../../src/features/hashed.ts'
import { createFeatureStore, vectorToBytes } from '../../src/features/store.ts'
import { createLearnerStage } from '../../src/learner/step.ts'
import { transitionsOf } from '../../src/learner/warm-start.ts'
import { readWarmStart } from '../../src/learner/warm-start-file.ts'
import type { Output } from '../../src/stage.ts'
import { did, openLive, publishItems, request, versionsOf } from '../operate/live.ts'
import { realData } from '../real-data.ts'
import { noVectors } from './examples.ts'
import { logMapping } from './log-mapping.ts'

const folders = mkdtempSync(join(tmpdir(), 'feedloop-'))
after(() => rmSync(folders, { recursive: true }))

const root = fileURLToPath(new URL('../../', import.meta.url))

const rows = 'user,shown,p,click,at\nann,a,0.5,1,1000\nbob,b,0.25,0,2000\nann,b,0.5,1,soon\n'

function written(text = rows, map = logMapping) {
  const folder = mkdtempSync(join(folders, 'x'))
  const warmStart = { data: join(folder, 'log.csv'), mapping: join(folder, 'log.yaml'), propensity: 'p' }
  writeFileSync(warmStart.data, text)
  writeFileSync(warmStart.mapping, map)
  return warmStart
}

type PolicyInput = NonNullable<ConfigInput['policies']>[number]
async function read(policy: PolicyInput) {
  const config = parseConfig({ policies: [policy] })
  return { config, log: (await readWarmStart(config, config.policies[0], Date.now()))! }
}

describe('the file', () => {
  test('rows become decisions and outcomes; what the mapping refuses is counted by code', async () => {
    const { config, log } = await read({ warmStart: written() })
    const { transitions, refused } = transitionsOf(log, config, config.policies[0], noVectors.features)
    assert.deepEqual(
      [...transitions].map(({ transition_id, action, propensity, cumulative }) => [
        transition_id,
        action,
        propensity,
        cumulative,
      ]),
      [
        ['log.csv/0/0', ['a'], 0.5, { click: 1 }],
        ['log.csv/1/0', ['b'], 0.25, {}],
      ],
    )
    assert.deepEqual(refused, { FIELD_UNCONVERTIBLE: 2 })
  })

  test('another row, mapping or propensity is another log; another place is not', async () => {
    const digests = await Promise.all(
      [
        written(),
        written(),
        written(`${rows}bob,a,0.5,0,3000\n`),
        written(rows, logMapping.replace('constant: click', 'constant: view')),
        { ...written(), propensity: undefined },
      ].map(async warmStart => (await read({ warmStart })).log.digest),
    )
    assert.equal(digests[0], digests[1])
    assert.equal(new Set(digests).size, 4)
  })

  test('none, without the setting; absent: DATA_MISSING', async () => {
    assert.equal((await read({})).log, undefined)
    await assert.rejects(read({ warmStart: { ...written(), data: '/nowhere/log.csv' } }), error =>
      isCode(error, 'DATA_MISSING'),
    )
  })
})

test('a running learner learns it once, and goes on after a restart', async t => {
  const live = await openLive(t, { policies: [{ warmStart: written() }] })
  await publishItems(live, ['a', 'b'])
  await live.start()
  while ((await versionsOf(live)).length === 0) await sleep(10)
  await live.stop()
  await live.start()
  const asked = request('ann')
  await live.append('requests', 'ann', asked)
  while ((await live.decisions()).length === 0) await sleep(10)
  await live.append('events', 'ann', did('ann', 'click', { decision_id: asked.request_id }))
  await live.settled()
  const made = await versionsOf(live)
  assert.deepEqual([made[0].transitions, made[0].metrics.learned, made[0].contains], [0, 2, []])
  assert.equal(made.at(-1)!.transitions, 2)
  assert.equal(new Set(made.map(version => version.warm_start)).size, 1)
})

/** Its 34 items by their ids. */
function catalogue(dimensions: number) {
  const store = createFeatureStore()
  for (let i = 0; i < 34; i++)
    store.put({
      feature_key: `${i}@1`,
      item_id: String(i),
      feature_version: 1,
      encoder_version: 'test',
      vector: vectorToBytes(hashedVector({ id: String(i), text: null, attributes: {} }, dimensions)),
      attributes: {},
      available: true,
      time_ms: 1,
    })
  return store
}

describe('the Open Bandit log', () => {
  const data = join(realData, 'obd-men/random/men.csv')
  const warmStart = { data, mapping: join(root, 'examples/replay/obd-men.yaml'), propensity: 'logged_propensity' }
  const policies: readonly PolicyInput[] = [
    { warmStart },
    { warmStart: { ...warmStart, propensity: undefined } },
    { warmStart, algorithm: 'two-tower', explorer: { name: 'softmax' }, twoTower: { stepsPerBatch: 1 } },
  ]
  for (const policy of policies)
    test(`${policy.algorithm ?? 'linear-gaussian'}, propensities ${policy.warmStart!.propensity ?? 'not told'}`, async t => {
      if (!existsSync(data)) return t.skip(`${data} is absent (FEEDLOOP_DATA names the folder)`)
      const { config, log } = await read(policy)
      const clicks = readFileSync(data, 'utf8')
        .split('\n')
        .filter(line => line.split(',')[4] === '1').length
      const features = catalogue(config.features.dimensions)
      const { transitions, refused } = transitionsOf(log, config, config.policies[0], features)
      let earned = 0
      for (const { cumulative } of transitions) earned += cumulative.click ?? 0
      assert.deepEqual([earned, refused], [clicks, {}])
      const stage = createLearnerStage(config, config.policies[0], log)
      const tick = { timeMs: 1, watermarkMs: 1 }
      const state = await stage.open(0)
      let outputs: readonly Output[] = []
      while (outputs.length === 0) outputs = stage.step(state, [], tick, { features, caughtUp: true }).outputs
      assert.equal((outputs[0].value as ModelVersion).metrics.learned, 10_000)
    })
})
