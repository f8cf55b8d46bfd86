/** What a decision leaves in the old space, where only a look through the whole heap finds it, is paid for by those after it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openOwn } from '../../bench/rank/own.ts'
import { trainVersions } from '../../bench/rank/train.ts'
import { itemFeatures, settingsOf } from '../../bench/rank/world.ts'
import { parseConfig } from '../../src/config.ts'
import { createFeatureStore } from '../../src/features/store.ts'
import { makeNothingOld } from '../../src/operate/collector.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void
const oldBytes = (): number => getHeapSpaceStatistics().find(each => each.space_name === 'old_space')!.space_used_size

test('a decision over a thousand candidates leaves next to nothing in the old space', async () => {
  makeNothingOld()
  const config = parseConfig(settingsOf('garbage.'))
  const features = createFeatureStore()
  for (const item of itemFeatures(10_000, Date.now())) features.put(item)
  const [model] = await trainVersions(config, features, 1)
  const decide = (await openOwn(config, features, model)).deciding({ candidates: 1000, slots: 1 }, 12)
  for (let i = 0; i < 60; i++) decide()
  gc()
  decide()
  gc({ type: 'minor' })
  const before = oldBytes()
  for (let i = 0; i < 10; i++) {
    decide()
    gc({ type: 'minor' })
  }
  const kilobytes = (oldBytes() - before) / 120 / 1024
  // less than nothing: the whole heap was looked through meanwhile, and nothing is known
  assert.ok(kilobytes > -1 && kilobytes < 10, `${kilobytes} kB each`)
})
