import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killRun } from '../chaos/kill.ts'
import { checkAccounts, checkLearning, shortLoop } from './loop.ts'

test('the whole loop on a real Kafka learns, and its accounts balance', { timeout: 180_000 }, async () => {
  const report = await shortLoop('kafka')
  checkAccounts(report)
  checkLearning(report)
})

test('one process a stage, three of them killed with -9: nothing is lost or learned twice', {
  timeout: 300_000,
}, async t => {
  const report = await killRun({ kills: 3, seed: 3, sessions: 32, say: line => t.diagnostic(line) })
  assert.deepEqual(report.audit.differences, [])
  assert.equal(report.audit.balanced, true)
  assert.ok(report.decisions > 500, `${report.decisions} decisions`)
})
