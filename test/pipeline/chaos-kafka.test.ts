/** A minute of everything at once on three brokers (test/chaos/storm.ts); `npm run test:chaos -- --minutes 5` for more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultKinds } from '../chaos/faults.ts'
import { stormRun } from '../chaos/storm.ts'

test('three brokers, two of each sharing stage, a minute of faults: nothing is lost, doubled or left unlearned', {
  timeout: 420_000,
}, async t => {
  const report = await stormRun({ minutes: 1, seed: 4, sessions: 12, say: line => t.diagnostic(line) })
  const { audit, ...run } = report
  t.diagnostic(JSON.stringify(run))
  for (const kind of faultKinds) assert.ok(report.faults[kind] > 0, `${kind} never happened`)
  assert.deepEqual(audit.differences, [])
  assert.equal(audit.balanced, true)
  assert.equal(audit.requests.pending, 0)
  assert.equal(report.learned, report.logged, 'the learned set is the logged set')
  // A supervisor may start a service anew; that a chain was lost would be no reason for one.
  assert.deepEqual(
    report.ended.filter(({ words }) => /CHAIN_|PARTITION_COUNT_CHANGED/.test(words)),
    [],
  )
  assert.ok(report.decisionsAfter > 0, 'the loop came back')
  assert.ok(report.decisions > 200, `${report.decisions} decisions`)
})
