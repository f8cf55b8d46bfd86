import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decision, event, input, makeConfig, outcome, startRun, tick } from './make.ts'

test('a late event that nothing hangs on is known again for a correction window from when it came', () => {
  const { run, take } = startRun(makeConfig())
  take({ tick: tick(900), inputs: [decision('d1', 0), decision('d2', 890)].map(input) })
  const late = outcome('click', 'd1', 5)
  take({ tick: tick(901), inputs: [input(late)] })
  assert.equal(run.counts.joined ?? run.counts.correction, 1)
  take({ tick: tick(1500), inputs: [] })
  take({ tick: tick(1501), inputs: [input(late)] })
  assert.equal(run.counts.duplicate, 1, 'its decision is gone, it is not')
  assert.equal(run.counts.orphan, undefined)
  take({ tick: tick(4000), inputs: [] })
  assert.deepEqual([...run.state.seen.range('', '\uffff')], [], 'and then it is forgotten')
})

test('one that waits for a decision goes by its own time: none can claim it any more', () => {
  const { run, take } = startRun(makeConfig())
  take({ tick: tick(900), inputs: [input(decision('d1', 890))] })
  take({ tick: tick(901), inputs: [event('click', 5, { item_id: 'z' }), outcome('click', 'nowhere', 5)].map(input) })
  assert.deepEqual([run.counts.organic, run.counts.orphan], [undefined, undefined])
  take({ tick: tick(1500), inputs: [] })
  assert.deepEqual([run.counts.organic, run.counts.orphan], [1, 1])
})
