/** The audit for people: each account on a line, each difference on a line, then the verdict. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeAudit } from '../../src/commands/audit.ts'
import { differ, openLedger } from '../../src/evaluation/audit/ledger.ts'

const ledger = () => {
  const opened = openLedger()
  Object.assign(opened.decisions, { total: 1204, learnedWithReward: 800, open: 404 })
  Object.assign(opened.model, { transitionsContained: 1200, transitionsCounted: 1200 })
  return opened
}

test('balanced: what became of everything', () => {
  assert.equal(
    describeAudit({ balanced: true, ...ledger() }),
    `decisions    1,204: 800 learned with reward, 404 open
outcomes     0
requests     0
transitions  0
model        1,200 transitions contained, 1,200 transitions counted
Every decision and every outcome is accounted for.`,
  )
})

test('what cannot be told of a model any more is said, and is no difference', () => {
  const late = ledger()
  Object.assign(late.model, { transitionsCounted: 1150, transitionsUnjudged: 50 })
  const [, , , , model, verdict] = describeAudit({ balanced: true, ...late }).split('\n')
  assert.equal(model, 'model        1,200 transitions contained, 1,150 transitions counted, 50 transitions unjudged')
  assert.match(verdict!, /accounted for/)
})

test('not balanced: every difference, whatever its id is', () => {
  const broken = ledger()
  differ(broken, 'reward_differs', 'd\n1', { expected: 1, found: { click: 2 } })
  assert.deepEqual(
    describeAudit({ balanced: false, ...broken })
      .split('\n')
      .slice(-2),
    ['reward_differs  d\\u000a1: expected 1, found {"click":2}', 'NOT BALANCED: 1 differences.'],
  )
})
