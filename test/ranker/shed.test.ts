/** Load shedding: who is shed, what is kept of them, and that what is estimated from the others holds for all. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Recommendation, Request } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { createDecide } from '../../src/ranker/decide.ts'
import { passes, passProbabilityOf } from '../../src/ranker/shed.ts'
import { createRanker, type RankerState } from '../../src/ranker/step.ts'
import { createRandom, seedOf } from '../../src/state/random.ts'
import { newUser, noSnapshot } from '../../src/state/user.ts'
import type { Decision } from '../../src/transitions/decision.ts'
import { firstRevision, transitionOf } from '../../src/transitions/transition.ts'
import { catalogue, event, input, nowMs, request, serve, shown, view, weighted } from './fixtures.ts'
import { meanOf } from './statistics.ts'

const shedding = { fromRequests: 3, perStep: 500, fromMs: 100, toMs: 200, leastPass: 0.1 }
const config = parseConfig({ shedding })
const tick = { timeMs: nowMs, watermarkMs: -1 }
/** Requests that have waited for so long. */
const waiting = (ages: readonly number[], over: Partial<Request> = {}) =>
  ages.map((age, i) => ({ ...input('requests', request({ request_id: `r${i}`, ...over })), timestampMs: nowMs - age }))

describe('the probability to pass', () => {
  const cases: [string, number[], number][] = [
    ['calm', [0, 0, 0], 1],
    ['at the bound', [100, 100, 100], 1],
    ['half way', [150, 150, 150], 0.55],
    ['far beyond', [1e6, 1e6, 1e6], 0.1],
    ['a few are no load', [1e6, 1e6], 1],
    ['one old clock', [0, 0, 1e9], 1],
    ['one clock ahead', [-1e9, 1e6, 1e6], 0.1],
  ]
  for (const [name, ages, expected] of cases)
    test(name, () =>
      assert.ok(Math.abs(passProbabilityOf(waiting(ages), tick, config, catalogue(4)) - expected) < 1e-12),
    )
  test('of a burst perStep pass on average', () => {
    const burst = waiting(new Array(2000).fill(0), { candidates: ['i1'] })
    const one = parseConfig({ shedding: { ...shedding, perStep: 1 } })
    assert.equal(passProbabilityOf(burst, tick, config, catalogue(4)), 0.25)
    assert.equal(passProbabilityOf(burst, tick, one, catalogue(4)), 0.1)
  })
  test('one with many candidates counts for several, whether it names them or takes them from the catalogue', () => {
    const burst = (over: Partial<Request>) => waiting(new Array(1000).fill(0), over)
    const ids = Array.from({ length: 250 }, (_, i) => `i${i}`)
    const many = catalogue(500)
    assert.equal(passProbabilityOf(burst({ candidates: ids.slice(0, 100) }), tick, config, many), 0.5)
    assert.equal(passProbabilityOf(burst({ candidates: ids }), tick, config, many), 0.2)
    const fewer = parseConfig({ shedding, policies: [{ candidates: { max: 400 } }] })
    assert.equal(passProbabilityOf(burst({}), tick, fewer, many), 0.125)
    assert.equal(passProbabilityOf(burst({}), tick, fewer, catalogue(200)), 0.25, 'there are no more')
    const withdrawn = catalogue(500, ids)
    assert.equal(passProbabilityOf(burst({}), tick, fewer, withdrawn), 0.2, 'what is withdrawn is not taken')
    assert.equal(passProbabilityOf(burst({ policy: 'none' }), tick, fewer, many), 0.5)
    const half = [...burst({ candidates: ids }).slice(500), ...burst({ candidates: ['i1'] }).slice(500)]
    assert.equal(passProbabilityOf(half, tick, config, many), 500 / 1750, 'all have the same chance')
  })
  test('without the setting everything passes', () =>
    assert.equal(passProbabilityOf(waiting([1e6, 1e6, 1e6]), tick, parseConfig({}), catalogue(4)), 1))
  test('the coin falls as often as it says, and does not know what is chosen', () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => `r${i}`)
    const share = ids.filter(id => passes(id, 0.3)).length / ids.length
    assert.ok(Math.abs(share - 0.3) < 0.013, String(share))
  })
})

const run = (inputs: Parameters<ReturnType<typeof createRanker>['step']>[1], given = view()) => {
  const ranker = createRanker(config)
  const { outputs, counts } = ranker.step(ranker.open(0) as RankerState, inputs, tick, given)
  return { decisions: outputs.map(({ value }) => value as Recommendation), counts }
}

test('of a step under load some are thin, the others log the same probability and are what they would have been', () => {
  const asked = { context: { hour: 3 }, baseline: ['i3', 'gone', 'i1'], slots: 3 }
  const inputsAt = (age: number) => [input('events', event()), ...waiting(new Array(200).fill(age), asked)]
  const given = view({ serving: serve(weighted([1, 2, 3, 4])) })
  const { decisions, counts } = run(inputsAt(1000), given)
  const thin = decisions.filter(({ shed }) => shed)
  assert.ok(thin.length > 150 && thin.length < 200, String(thin.length))
  for (const made of thin) {
    assert.deepEqual([made.state, made.first_slot_probabilities, made.reason], [noSnapshot, [], 'shed'])
    assert.deepEqual([shown(made), made.chosen_by, made.propensity_kind], [['i3', 'i1'], 'baseline', 'unknown'])
  }
  const calm = run(inputsAt(0), given)
  for (const made of decisions) {
    assert.equal(made.pass_probability, 0.1)
    const whole = calm.decisions.find(each => each.decision_id === made.decision_id)!
    if (!made.shed) assert.deepEqual({ ...made, pass_probability: 1 }, whole)
  }
  assert.deepEqual(
    counts
      .filter(({ metric }) => metric === 'feedloop_requests_shed_total')
      .map(({ labels, value }) => [labels, value]),
    [[{ answer: 'baseline' }, thin.length]],
  )
})

test('what was seen is not shown to who is shed either', () => {
  const constraints = { excludeSeen: { withinMs: 5000 } }
  const decide = createDecide(parseConfig({ policies: [{ constraints }] }))
  const past = { eventHash: 1, type: 'click', value: 1 }
  const history = [
    { ...past, itemId: 'i1', timeMs: nowMs - 1000 },
    { ...past, itemId: 'i2', timeMs: nowMs - 9000 },
  ]
  const asked = request({ baseline: ['i1', 'i2', 'i3'], slots: 3 })
  const { recommendation: made } = decide(asked, { ...newUser, history }, nowMs, view(), 1e-12)
  assert.deepEqual([made.shed, shown(made), made.state], [true, ['i2', 'i3'], noSnapshot])
})

test('without a baseline what is shed is empty, and counted as unanswered for that reason', () => {
  const { decisions, counts } = run(waiting(new Array(50).fill(1000)))
  const thin = decisions.filter(({ shed }) => shed)
  assert.ok(thin.every(made => made.slots.length === 0 && made.candidates.length === 0))
  const [unanswered] = counts.filter(({ metric }) => metric === 'feedloop_requests_unanswerable_total')
  assert.deepEqual([unanswered.labels, unanswered.value], [{ reason: 'shed' }, thin.length])
})

test('who is late anyway is late, not shed', () => {
  const { decisions } = run(waiting(new Array(50).fill(1000), { deadline_ms: nowMs - 1 }))
  assert.ok(decisions.every(made => made.reason === 'expired' && !made.shed && made.pass_probability === 1))
})

describe('estimates under shedding: 200 seeded runs of 1,000 decisions', () => {
  const RUNS = 200
  const DECISIONS = 1000
  const items = [0, 1, 2, 3]
  const clicks = createDecide(
    parseConfig({ policies: [{ explorer: { name: 'softmax', temperature: 1, epsilon: 0.1 } }] }),
  )
  const world = view({ features: catalogue(4), serving: serve(weighted([0, 0.5, 1, 1.5])) })
  const target = [0.6, 0.25, 0.1, 0.05]
  /** The hours of load are other hours: other people, who like other things. */
  const chance = (item: number, loaded: boolean): number => (loaded ? 0.1 + 0.05 * item : 0.7 - 0.1 * item)
  const isLoaded = (i: number): boolean => i % 4 !== 0
  const valueUnder = (loaded: boolean) => items.reduce((sum, item) => sum + target[item] * chance(item, loaded), 0)
  const truth = 0.25 * valueUnder(false) + 0.75 * valueUnder(true)

  /** What a run makes of its transitions, each with the weight that `weigh` gives it. */
  const estimates = (weigh: (weight: number) => number) =>
    Array.from({ length: RUNS }, (_, run) => {
      const sums = { ips: 0, weights: 0, passed: 0 }
      for (let i = 0; i < DECISIONS; i++) {
        const asked = request({ request_id: `${run}-${i}` })
        const { recommendation: made } = clicks(asked, newUser, nowMs, world, isLoaded(i) ? 0.2 : 1)
        if (made.shed) continue
        const learned = transitionOf(made as unknown as Decision, 0, firstRevision)
        const { candidate } = made.slots[0]
        const reward = createRandom(seedOf(asked.request_id, 99)).uniform() < chance(candidate, isLoaded(i)) ? 1 : 0
        const ratio = (weigh(learned.weight) * target[candidate]) / learned.propensity
        sums.ips += ratio * reward
        sums.weights += ratio
        sums.passed += weigh(learned.weight)
      }
      return { ips: sums.ips / DECISIONS, snips: sums.ips / sums.weights, weight: sums.passed / DECISIONS }
    })
  const weighed = estimates(weight => weight)
  for (const name of ['ips', 'snips'] as const)
    test(`${name}: no bias beyond 3 standard errors`, () => {
      const { mean, error } = meanOf(weighed.map(each => each[name]))
      assert.ok(Math.abs(mean - truth) <= 3 * error, `${mean} ± ${error}, not ${truth}`)
      assert.ok(error < 0.02 * truth, `± ${error} says little`)
    })
  test('weights stand for all decisions', () => {
    const { mean, error } = meanOf(weighed.map(each => each.weight))
    assert.ok(Math.abs(mean - 1) <= 3 * error, `${mean} ± ${error}`)
  })
  test('without the weights the estimate is off by far', () => {
    const { mean, error } = meanOf(estimates(() => 1).map(each => each.snips))
    assert.ok(Math.abs(mean - truth) > 20 * error, `${mean} ± ${error}, ${truth}`)
  })
})
