import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { countOutcomes, type LoopReport, summarise } from '../../src/demo/report.ts'
import { createStats } from '../../src/environments/drive-stats.ts'

describe('outcomes beside the reward', () => {
  const { rewards } = parseConfig({
    policies: [
      { rewards: { purchase: {}, hide: { weight: -0.5 }, refund: { cancels: 'purchase' }, dislike: { weight: -1 } } },
    ],
  }).policies[0]
  test('guards are counted apart, those that never happened too, whatever the reward makes of them', () => {
    assert.deepEqual(countOutcomes({ purchase: 4, refund: 1, hide: 3, view: 8 }, 10, rewards), {
      dislike: { count: 0, perDecision: 0, guard: true },
      hide: { count: 3, perDecision: 0.3, guard: true },
      purchase: { count: 4, perDecision: 0.4, guard: false },
      refund: { count: 1, perDecision: 0.1, guard: true },
      view: { count: 8, perDecision: 0.8, guard: false },
    })
  })
  test('no decisions, no rates that are no numbers', () => {
    assert.equal(countOutcomes({}, 0, rewards).hide.perDecision, 0)
  })
  test('a drive counts them by type', () => {
    const stats = createStats()
    for (const type of ['hide', 'purchase', 'hide']) stats.outcome(type)
    assert.deepEqual(stats.read().outcomes, { hide: 2, purchase: 1 })
  })
})

test('a summary says only what there is a figure for, and whose versions they are', () => {
  const none = { p50: Number.NaN, p95: Number.NaN, p99: Number.NaN }
  const report: LoopReport = {
    bus: 'embedded log',
    environment: 'cartpole',
    algorithm: 'v-trace',
    seconds: 6,
    decisions: 9,
    events: 9,
    transitions: 9,
    modelVersions: 2,
    rewardRate: { policyFirst10pct: 1, policyLast10pct: 1, random: 1, bestFixed: 1, oracle: 1 },
    outcomes: {},
    freshnessMs: none,
    latencyMs: none,
    balance: {} as LoopReport['balance'],
    balanced: true,
    differences: [],
  }
  const text = summarise(report)
  assert.match(text, /2 model versions of v-trace/)
  assert.doesNotMatch(text, /NaN|of the way|in the serving model|Reward rate|return/)
  const known = summarise({
    ...report,
    rewardRate: { ...report.rewardRate, oracle: 2, policyLast10pct: 1.5 },
    freshnessMs: { p50: 500, p95: 700, p99: 900 },
  })
  assert.match(known, /last tenth 1\.500: 50 % of the way/)
  assert.doesNotMatch(known, /return/)
  const sessions = { policyFirst10pct: 22.5, policyLast10pct: 261, random: 22, optimum: 500 }
  const returned = summarise({ ...report, sessionReturn: sessions })
  assert.match(returned, /ended: first tenth 22\.50, last tenth 261\.00: 50 % of the way from random to optimum\n/)
  assert.match(returned, /\(random 22\.00, optimum 500\.00\)/)
  const unended = summarise({ ...report, sessionReturn: { ...sessions, policyLast10pct: Number.NaN } })
  assert.match(unended, /first tenth 22\.50, last tenth none\n/)
  assert.match(known, /after 0\.50 s \(median\), 0\.90 s \(p99\)/)
})
