/** The whole loop, the same on every log: what must hold at the end of a short run. */
import assert from 'node:assert/strict'
import { runLoop } from '../../src/demo/loop.ts'
import type { LoopReport } from '../../src/demo/report.ts'
import { gapClosed } from '../../src/demo/view.ts'
import { openEnvironment } from '../../src/environments/open.ts'

export async function shortLoop(
  bus: 'kafka' | 'embedded',
  algorithm: 'linear-gaussian' | 'neural-linear' | 'two-tower' = 'linear-gaussian',
) {
  const explorer = { name: algorithm === 'two-tower' ? ('softmax' as const) : ('thompson' as const) }
  return runLoop({
    environment: openEnvironment('recogym'),
    bus,
    seconds: 12,
    seed: 7,
    config: { policies: [{ algorithm, explorer }] },
  })
}

export function checkAccounts(report: LoopReport): void {
  assert.deepEqual(report.differences, [])
  assert.equal(report.balanced, true)
  const { total, ...fates } = report.balance.decisions
  assert.equal(
    Object.values(fates).reduce((sum, count) => sum + count, 0),
    total,
    'every decision ends in exactly one of its fates',
  )
  assert.equal(total, report.decisions, 'every decision that was shown is accounted for')
  assert.equal(fates.learnedWithReward + fates.learnedByDefault, total, 'and was learned')
}

/** 12 s are some tens of thousands of decisions even on a slow machine. */
export function checkLearning(report: LoopReport): void {
  assert.ok(report.decisions > 6000, `${report.decisions} decisions`)
  assert.ok(report.modelVersions >= 5, `${report.modelVersions} versions`)
  const { policyFirst10pct: first, policyLast10pct: last } = report.rewardRate
  assert.ok(last > first, `first tenth ${first}, last tenth ${last}`)
  assert.ok(gapClosed(last, report.rewardRate) > 0.15, `${gapClosed(last, report.rewardRate)} of the gap`)
  assert.ok(report.freshnessMs.p50 < 2000, `freshness p50 ${report.freshnessMs.p50} ms`)
}
