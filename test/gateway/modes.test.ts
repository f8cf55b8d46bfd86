/** Modes over HTTP, switched while everything runs. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { Mode } from '../../schemas/records.ts'
import { orderRelease } from '../../src/operate/release.ts'
import { transitionsOf } from './contract.ts'
import { items, openWorld, type World, wish } from './world.ts'

const baseline = ['c', 'a']
const ask = async (world: World, fields = {}) =>
  (await world.post('/v1/recommendations', wish({ baseline, ...fields }))).body
const order = (world: World, mode: Mode) =>
  orderRelease(
    world.context,
    { id: randomUUID(), policy: 'default', mode, shares: null, why: 'a trial', by: 'ann' },
    30_000,
  )
/** Rankers take a release over between two steps. */
const askedIn = async (world: World, mode: Mode, fields = {}) => {
  for (;;) {
    const body = await ask(world, fields)
    if (body.mode === mode) return body
  }
}

test('online, apprentice, logging only and back, by orders', { timeout: 60_000 }, async t => {
  const world = await openWorld(t, { topics: { partitions: 1 } })
  const online = await ask(world)
  assert.deepEqual([online.mode, online.chosen_by, online.shadow_slate], ['online', 'policy', null])

  const { release_version: version } = await order(world, 'apprentice')
  const apprentice = await askedIn(world, 'apprentice')
  assert.deepEqual(apprentice.items, baseline)
  assert.deepEqual([apprentice.chosen_by, apprentice.propensity_kind], ['baseline', 'deterministic'])
  // the order's, or one that took a version over since
  assert.ok(apprentice.release_version >= version, apprentice.release_version)
  assert.ok(
    apprentice.shadow_slate.length === 2 && apprentice.shadow_slate.every((item: string) => items.includes(item)),
  )
  const none = await askedIn(world, 'apprentice', { baseline: null })
  assert.deepEqual([none.logged, none.items, none.reason], [true, [], 'no_baseline'])

  await order(world, 'logging_only')
  const logged = await askedIn(world, 'logging_only', { baseline: ['not in the catalogue', 'c'] })
  assert.deepEqual([logged.items, logged.propensity_kind], [['not in the catalogue', 'c'], 'unknown'])

  await order(world, 'online')
  const back = await askedIn(world, 'online')
  assert.equal(back.chosen_by, 'policy')
})

test('what an apprentice showed is joined and learned as what it is', { timeout: 60_000 }, async t => {
  const world = await openWorld(t, { policies: [{ mode: 'apprentice', baselineEpsilon: 0.5 }] })
  const { decision_id, items: shown, slots, propensity_kind: kind } = await ask(world, { slots: 1 })
  assert.equal(kind, 'exact')
  assert.ok([5 / 8, 1 / 8].includes(slots[0].conditional_propensity))
  await world.settled()
  const transitions = await transitionsOf(world)
  const own = transitions.filter(each => each.decision_id === decision_id)
  assert.deepEqual(
    own.map(({ action, propensity, propensity_kind, mode, chosen_by }) => [
      action,
      propensity,
      propensity_kind,
      mode,
      chosen_by,
    ]),
    [[shown, slots[0].conditional_propensity, 'exact', 'apprentice', 'baseline']],
  )
})
