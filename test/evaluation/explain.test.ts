/** `explain` over HTTP, and of the same decisions from the log. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { describeDecision } from '../../src/commands/explain.ts'
import { parseConfig } from '../../src/config.ts'
import type { FeedloopError } from '../../src/errors.ts'
import { explainAnew, explainDecision } from '../../src/evaluation/explain.ts'
import { windowsOf } from '../../src/evaluation/joined.ts'
import { openWorld, wish } from '../gateway/world.ts'
import { did } from '../operate/live.ts'

test('a decision of the log is explained as the ranker explained it', { timeout: 120_000 }, async t => {
  const world = await openWorld(t, { policies: [{ initial: 'greedy' }] })
  const { context } = world
  const ask = async (fields: Record<string, unknown>) => {
    const { status, body } = await world.post('/v1/recommendations', { ...wish(fields), explain: true })
    assert.equal(status, 200, JSON.stringify(body))
    return body
  }
  const first = await ask({ baseline: ['c', 'a'], slots: 1 })
  assert.equal(first.explanation.items[0].slot, 0)
  assert.deepEqual(Object.keys(first.explanation.items[0].contributions), ['order'])
  for (const item of ['a', 'a', 'b']) await world.append('events', 'ann', did('ann', 'click', { item_id: item }))
  await world.append('events', 'ann', did('ann', 'click', { item_id: first.items[0], decision_id: first.decision_id }))
  let learned = first
  while (learned.model_version === '') {
    await sleep(50)
    learned = await ask({ context: { device: 'phone' } })
  }
  for (const item of learned.explanation.items) {
    const sum = Object.values<number>(item.contributions).reduce((total, value) => total + value, 0)
    assert.ok(Math.abs(sum - item.score) < 1e-9)
    assert.ok('history:a' in item.contributions && 'context:device' in item.contributions)
  }
  assert.equal(learned.explanation.evidence.version, learned.model_version)

  for (const answer of [first, learned])
    for (const user of ['ann', undefined]) {
      const { decision, explanation, release } = await explainDecision(context, answer.decision_id, user)
      assert.deepEqual(JSON.parse(JSON.stringify(explanation)), answer.explanation)
      assert.equal(release?.release_version ?? '', answer.release_version)
      const anew = await explainAnew(context, { ...decision, explanation: null }, explanation!.evidence)
      assert.deepEqual(anew, explanation)
    }
  const silently = async () => {
    const { body } = await world.post('/v1/recommendations', wish({ context: { device: 'phone' } }))
    assert.equal(body.explanation, null)
    return { silent: body, told: await explainDecision(context, body.decision_id) }
  }
  let { silent, told } = await silently()
  // until somebody with a history was learned from, it counts for nothing and is not shown
  while (!told.explanation!.items.some(({ contributions }) => contributions['history:a'])) {
    await sleep(50)
    ;({ silent, told } = await silently())
  }
  assert.equal(told.explanation!.evidence.version, silent.model_version)
  const text = describeDecision(told)
  for (const part of [
    silent.decision_id,
    'history:a',
    'bias:item',
    'slot 0',
    'kl_mean',
    `version ${silent.model_version}`,
  ])
    assert.ok(text.includes(part), `${part} is not in\n${text}`)
  const beside = describeDecision({ ...told, decision: { ...told.decision, chosen_by: 'baseline' } })
  assert.match(beside, /slot 0 .*the policy's own first-slot probability [\d.]+, shown by baseline with [\d.]+$/m)
  assert.doesNotMatch(text, /the policy's own|shown by/)
  await world.settled()
  const { joined, decision } = await explainDecision(context, first.decision_id)
  assert.deepEqual(
    joined.transitions.map(({ slot, action, cumulative }) => [slot, action, cumulative]),
    [[0, [first.items[0]], { click: 1 }]],
  )
  assert.deepEqual([joined.kind, joined.isOpen], ['open', true])
  assert.equal(joined.countsUntilMs, decision.request_time_ms + 600_000)
  const { joined: unanswered } = await explainDecision(context, silent.decision_id)
  assert.deepEqual(
    unanswered.transitions.map(({ slot, cumulative }) => [slot, cumulative]),
    [
      [0, {}],
      [1, {}],
      [-1, {}],
    ],
  )
  assert.match(describeDecision(told), /came of it {3}.*open: outcomes that name no decision count until /)

  await assert.rejects(
    explainDecision(context, 'nobody'),
    (error: FeedloopError) => error.code === 'DATA_MISSING' && error.message.includes('nobody'),
  )
})

test('a decision is open until its correction window is over by the clock of the joiner', () => {
  const config = parseConfig({ policies: [{ attributionWindowMs: 50, correctionWindowMs: 300 }] })
  const windows = (policy: string, watermarkMs: number) =>
    Object.values(windowsOf({ policy, request_time_ms: 1000 }, config, watermarkMs))
  const cases: [string, number, unknown[]][] = [
    ['default', -1, [true, 1050, 1300]],
    ['default', 1300, [true, 1050, 1300]],
    ['default', 1301, [false, 1050, 1300]],
    ['gone', 1301, [null, null, null]],
  ]
  for (const [policy, watermarkMs, expected] of cases) assert.deepEqual(windows(policy, watermarkMs), expected)
})
