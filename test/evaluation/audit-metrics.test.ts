/** What the joiner counted at /metrics is what the audit recounts from the topics, fate by fate. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Recommendation } from '../../schemas/records.ts'
import { audit } from '../../src/evaluation/audit.ts'
import { forgetEvent } from '../../src/events/forget.ts'
import type { Meter } from '../../src/metrics.ts'
import { type DecisionOptions, decision, event, makeConfig, outcome } from '../transitions/make.ts'
import { openTaskWorld, until } from '../transitions/task-world.ts'

const HOUR_S = 3600

/** A counter of /metrics by its one label. */
async function counted(meter: Meter, name: string): Promise<Record<string, number>> {
  const text = await meter.registry.metrics()
  const samples = text.matchAll(new RegExp(`^${name}\\{\\w+="([^"]+)"\\} (\\d+)`, 'gm'))
  return Object.fromEntries([...samples].map(([, label, value]) => [label, Number(value)]))
}
const sumOf = (counts: Record<string, number>): number => Object.values(counts).reduce((sum, n) => sum + n, 0)

test('every fate of decisions and outcomes: counted once by the joiner, and as often by the audit', async t => {
  const config = makeConfig({}, { name: 'late', learn: 'at-close' })
  const { meter, source, decide, act } = await openTaskWorld(t, config)
  // Seconds are after T0, years ago: the joiner's clock is that of its events.
  const one = (id: string, options: DecisionOptions = {}): Recommendation => decision(id, 0, options)
  const twice = outcome('click', 'named', 2, { event_id: 'twice' })
  await decide(
    one('named'),
    one('touched', { items: ['touched'] }),
    one('plain'),
    one('closed', { policy: 'late' }),
    one('activated', { deferred: true, items: ['x'] }),
    one('never activated', { deferred: true, items: ['y'] }),
    one('empty', { items: [] }),
    one('expired', { items: [], reason: 'expired' }),
    one('shed', { shed: true, items: ['z'] }),
    one('impossible', { propensity: -1 }),
    one('forgotten', { user_id: 'v' }),
  )
  await act(
    outcome('click', 'named', 1),
    twice,
    twice,
    outcome('click', 'named', 3, { slate_hash: 'another' }),
    { ...twice, value: 7 },
    outcome('click', 'plain', 500),
    outcome('click', 'nowhere', 4),
    outcome('activate', 'activated', 4),
    event('click', 5, { item_id: 'touched' }),
    event('click', 5, { item_id: 'never shown' }),
    event('view', 5),
    event('', 5),
    outcome('click', 'unknown', 6, { user_id: 'v' }),
  )
  const takenOf = async () => {
    const decisions = await counted(meter, 'feedloop_decisions_joined_total')
    return { decisions, outcomes: await counted(meter, 'feedloop_outcomes_total') }
  }
  // The user is forgotten when the rest was taken; then all windows end.
  await until(async () => sumOf((await takenOf()).decisions) === 11)
  await act(forgetEvent('v', 'forget', event('view', 7).time_ms))
  await until(async () => (await takenOf()).outcomes.forgotten === 1)
  await decide(decision('last', HOUR_S))
  await act(outcome('click', 'last', HOUR_S))
  await until(async () => (await takenOf()).decisions.inactive === 2 && sumOf((await takenOf()).outcomes) === 15)
  const { decisions, outcomes } = await takenOf()

  const report = await audit(source)
  assert.deepEqual(report.differences, [])
  const { total, pending, unjudged, ...fates } = report.outcomes
  assert.deepEqual([total, pending, unjudged], [15, 0, 0])
  assert.deepEqual(outcomes, fates)
  assert.deepEqual(Object.values(fates).includes(0), false, 'each fate happened')

  const { learnedWithReward, learnedByDefault, open, ...others } = report.decisions
  const neverActivated = 1
  assert.deepEqual(decisions, {
    opened: learnedWithReward + learnedByDefault + open + others.forgotten + neverActivated,
    inactive: others.inactive,
    expired: others.expired,
    shed: others.shed,
    quarantined: others.quarantined,
    forgotten: others.forgotten,
  })
  assert.deepEqual([open, others.unjudged, others.total], [0, 0, 12])
})
