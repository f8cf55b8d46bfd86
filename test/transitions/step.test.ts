/** The joiner's table of cases, and what a line of it cannot say. The numbers in names are those of "joins that others get
 * wrong"; 4, about offsets, is in commit.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Transition } from '../../schemas/records.ts'
import type { JoinerState } from '../../src/transitions/state.ts'
import { attributionCases } from './attribution-cases.ts'
import { badInputs } from './bad-input-cases.ts'
import { cases, lineOf } from './cases.ts'
import { at, decision, event, input, makeConfig, outcome, startRun, tick } from './make.ts'

for (const { name, policy = {}, more = [], steps, out, refused = [], counts = {} } of [...cases, ...attributionCases])
  test(name, () => {
    const { run, take } = startRun(makeConfig(policy, ...more))
    for (const [seconds, ...records] of steps) take({ tick: tick(seconds), inputs: records.map(input) })
    assert.deepEqual(run.written.map(lineOf), out)
    assert.deepEqual(
      run.refused.map(each => each.code),
      refused,
    )
    for (const [fate, count] of Object.entries(counts)) assert.equal(run.counts[fate], count, fate)
  })

for (const { name, records, code } of badInputs)
  test(`bad input: ${name}`, () => {
    const { run, take } = startRun(makeConfig({}, { name: 'second' }))
    const good = [decision('good', 0), outcome('click', 'good', 1)]
    take({ tick: tick(1002, 5), inputs: [good[0], ...records, good[1]].map(input) })
    assert.deepEqual(
      run.refused.map(each => each.code),
      [code],
    )
    assert.ok(run.written.map(lineOf).includes('good/0#0 initial click+1 =1'))
    assert.equal((run.counts.quarantined ?? 0) + (run.counts.orphan ?? 0), 1, 'counted by its fate')
    take({ tick: tick(1003, 5), inputs: [] })
    assert.equal(run.refused.length, 1, 'refused once')
  })

test('a transition carries the decision as it was logged', () => {
  const { run, take } = startRun(makeConfig({ gamma: 0.5 }))
  const made = decision('d1', 0, { items: ['a', 'b'], propensity: 0.25, pass_probability: 0.5, mode: 'apprentice' })
  take({ tick: tick(1), inputs: [made, outcome('impression', 'd1', 1, { slot: 0 })].map(input) })
  const [first, second, slate] = run.written
  assert.deepEqual([first.action, second.action, slate.action], [['a'], ['b'], ['a', 'b']])
  assert.deepEqual([first.propensity, slate.propensity], [0.25, 0.0625])
  assert.deepEqual([first.examined, second.examined, slate.examined], ['yes', 'unknown', 'yes'])
  assert.deepEqual([first.weight, first.mode, first.slots], [2, 'apprentice', 2])
  assert.deepEqual([first.state, first.candidates], [made.state, made.candidates])
  assert.deepEqual([first.emitted_time_ms, first.reward_time_ms, first.discount], [at(1), at(1), null])
})

test('a pinned slot is a rule’s: its transition says so, the others and the slate are the policy’s', () => {
  const { run, take } = startRun(makeConfig())
  const drawn = decision('d1', 0, { items: ['a', 'b', 'c'], propensity: 0.5 })
  const slots = drawn.slots.map((slot, i) =>
    i === 1 ? { ...slot, pinned: true, conditional_propensity: 1, first_draw_propensity: 0 } : slot,
  )
  const constraints = { ...drawn.constraints, masked: [1] }
  take({ tick: tick(0), inputs: [input({ ...drawn, slots, constraints })] })
  assert.deepEqual(
    run.written.map(each => [each.slot, each.chosen_by, each.propensity_kind, each.propensity, each.masked]),
    [
      [0, 'policy', 'exact', 0.5, [1]],
      [1, 'pinned', 'deterministic', 1, [1]],
      [2, 'policy', 'exact', 0.5, [1]],
      [-1, 'policy', 'exact', 0.25, [1]],
    ],
  )
})

test('what a decision goes on to names the candidates that the next one could not show: a pin was shown', () => {
  const { run, take } = startRun(makeConfig({ gamma: 0.5 }))
  const next = decision('d2', 1, { items: ['a', 'b', 'c'] })
  const slots = next.slots.slice(0, 2).map((slot, i) => ({ ...slot, pinned: i === 1 }))
  const constraints = { ...next.constraints, masked: [1, 2] }
  take({ tick: tick(1), inputs: [decision('d1', 0), { ...next, slots, constraints }].map(input) })
  const of = (id: string) => run.written.findLast(each => each.transition_id === id)!
  assert.deepEqual([of('d1/0').next_decision_id, of('d1/0').next_masked], ['d2', [2]])
  assert.deepEqual([of('d2/0').masked, of('d2/0').next_masked], [[1, 2], []])
})

test('the discount of a bandit is 0 at once', () => {
  const { run, take } = startRun(makeConfig())
  take({ tick: tick(0), inputs: [input(decision('d1', 0))] })
  assert.equal(run.written[0].discount, 0)
})

test('next state and candidates are those of the next decision', () => {
  const { run, take } = startRun(makeConfig({ gamma: 1 }))
  const next = decision('d2', 5, { items: ['x', 'y'] })
  take({ tick: tick(5), inputs: [decision('d1', 0), next].map(input) })
  const last = run.written.findLast(each => each.decision_id === 'd1')!
  assert.deepEqual([last.next_state, last.next_candidates, last.discount], [next.state, next.candidates, 1])
})

test('sums saturate where doubles end: the wire would refuse an infinity', () => {
  const config = makeConfig({ rewards: { rating: { value: 'value' } } })
  const { run, take } = startRun({ ...config, limits: { ...config.limits, maxValue: Number.MAX_VALUE } })
  const huge = [1, 2].map(seconds => outcome('rating', 'd1', seconds, { value: Number.MAX_VALUE }))
  take({ tick: tick(1), inputs: [decision('d1', 0), ...huge].map(input) })
  assert.deepEqual(run.written[0].cumulative, { rating: Number.MAX_VALUE })
})

test('within limits.maxValue the sum of the changes is the reward', () => {
  const { run, take } = startRun(
    makeConfig({ rewards: { purchase: { value: 'value' }, refund: { cancels: 'purchase' } } }),
  )
  const of = (type: string, seconds: number, value: number) => input(outcome(type, 'd1', seconds, { value }))
  take({ tick: tick(0), inputs: [input(decision('d1', 0))] })
  for (const each of [of('purchase', 1, 1e9), of('purchase', 2, 5), of('refund', 3, 1e9), of('refund', 4, 1e17)])
    take({ tick: tick(4), inputs: [each] })
  const sum = run.written.reduce((total, { delta }) => total + (delta.purchase ?? 0), 0)
  assert.deepEqual([sum, run.written.at(-1)!.cumulative.purchase], [5, 5])
  assert.deepEqual(
    run.refused.map(each => each.code),
    ['REWARD_TOO_LARGE'],
  )
})

test('a slate of many small propensities has a propensity above 0', () => {
  const { run, take } = startRun(makeConfig())
  const items = Array.from({ length: 50 }, (_, i) => `i${i}`)
  take({ tick: tick(0), inputs: [input(decision('d1', 0, { items, propensity: 1e-9 }))] })
  assert.ok(run.written.at(-1)!.propensity > 0)
})

test('a partition that falls silent closes its windows by the time that passes', () => {
  const { joiner, run, take } = startRun(makeConfig({ learn: 'at-close' }))
  take({ tick: tick(0, -1e6), inputs: [input(decision('d1', 0))] })
  assert.equal(joiner.due!(run.state, tick(9, 9)), false)
  assert.equal(joiner.due!(run.state, tick(11, 11)), true)
  take({ tick: tick(11, 11), inputs: [] })
  assert.equal(run.written.length, 1)
})

test('a log of last year can be replayed: its windows close by its own time', () => {
  const { joiner, run, take } = startRun(makeConfig({ learn: 'at-close' }))
  const year = 365 * 24 * 3600
  take({ tick: tick(year, 0), inputs: [input(decision('d1', 0))] })
  assert.equal(joiner.due!(run.state, tick(year + 5, year)), false)
  take({ tick: tick(year + 6, year), inputs: [input(outcome('click', 'd1', 6))] })
  take({ tick: tick(year + 60, year + 55), inputs: [] })
  assert.deepEqual(run.written.map(lineOf), ['d1/0#0 initial click+1 =1'])
})

test('an input that lags holds the windows open', () => {
  const { run, take } = startRun(makeConfig({ learn: 'at-close' }))
  take({ tick: tick(0), inputs: [input(decision('d1', 0))] })
  take({ tick: tick(100, 5), inputs: [input(decision('d2', 100))] })
  take({ tick: tick(101, 5), inputs: [input(outcome('click', 'd1', 4))] })
  assert.equal(run.written.length, 0)
  take({ tick: tick(102, 60), inputs: [] })
  assert.deepEqual(run.written.map(lineOf), ['d1/0#0 initial click+1 =1'])
})

test('a restart loses no open join: inputs and outputs bring it back (5)', () => {
  const { joiner, run, take } = startRun(makeConfig({ gamma: 0.9 }))
  take({ tick: tick(0), inputs: [input(decision('d1', 0))] })
  take({ tick: tick(1), inputs: [input(outcome('click', 'd1', 1))] })
  const state = joiner.open(0) as JoinerState
  for (const { taken, outputs } of run.steps) joiner.fold(state, taken.inputs, outputs, taken.tick)
  const { outputs } = joiner.step(state, [input(outcome('click', 'd1', 2))], tick(2), undefined)
  assert.deepEqual(
    outputs.map(each => lineOf(each.value as Transition)),
    ['d1/0#2 reward click+1 =2'],
  )
})

test('a step that was lost leaves no trace (4)', () => {
  const { joiner } = startRun(makeConfig())
  const state = joiner.open(0) as JoinerState
  const inputs = [input(decision('d1', 0)), input(outcome('click', 'd1', 1))]
  const first = joiner.step(state, inputs, tick(1), undefined)
  state.discard()
  assert.deepEqual(joiner.step(state, inputs, tick(1), undefined), first)
})

for (const [name, apart] of [
  ['many windows that close at once are', 1 / 300],
  ['many windows that close in the same millisecond are', 0],
] as const)
  test(`${name} written in batches that fit`, () => {
    const config = makeConfig({ learn: 'at-close' })
    const { joiner, run, take } = startRun({ ...config, step: { ...config.step, maxBytes: 50_000 } })
    take({ tick: tick(0), inputs: Array.from({ length: 300 }, (_, i) => input(decision(`d${i}`, i * apart))) })
    let steps = 0
    for (; joiner.due!(run.state, tick(60)); steps++) {
      const before = run.written.length
      take({ tick: tick(60), inputs: [] })
      assert.ok(run.written.length - before < 60)
    }
    assert.equal(run.written.length, 300)
    assert.ok(steps > 4)
  })

test('one account that is shown one item for days: a record costs what is kept of it, not its square', () => {
  const { run, take } = startRun(makeConfig({ attributionWindowMs: 2000 }))
  let made = 0
  const pairs = (count: number) =>
    Array.from({ length: count }, () => {
      const seconds = made++ / 100
      return [decision(`d${made}`, seconds), event('click', seconds, { item_id: 'a' })].map(input)
    }).flat()
  const cpuMs = (from: number, to: number): number => {
    take({ tick: tick(100), inputs: pairs(to - from) })
    const before = process.cpuUsage()
    for (let i = 0; i < 20; i++) take({ tick: tick(100), inputs: pairs(1) })
    assert.equal(run.counts.joined, made)
    return process.cpuUsage(before).user / 1000
  }
  const few = cpuMs(0, 500)
  const many = cpuMs(500, 4000)
  assert.ok(many < 32 * few, `${many} ms with 4000, ${few} ms with 500`)
})

test('a wrong sum of counts would show: every outcome is counted once', () => {
  const { run, take } = startRun(makeConfig())
  const same = outcome('click', 'd1', 1)
  const fates = [
    same,
    same,
    outcome('click', 'd1', 50),
    outcome('click', 'no', 1),
    outcome('click', 'd1', 1, { slot: 9 }),
  ]
  take({ tick: tick(1), inputs: [decision('d1', 0), ...fates].map(input) })
  take({ tick: tick(5000), inputs: [] })
  const { joined, duplicate, correction, orphan, quarantined } = run.counts
  assert.deepEqual(
    { joined, duplicate, correction, orphan, quarantined },
    {
      joined: 1,
      duplicate: 1,
      correction: 1,
      orphan: 1,
      quarantined: 1,
    },
  )
})
