/** What the ranker counts of its first draws, and of the catalogue that it shows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Recommendation } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { createCoverage } from '../../src/ranker/coverage.ts'
import { binOf, entropyOf, firstDrawOf } from '../../src/ranker/draws.ts'
import { createRanker, type RankerState } from '../../src/ranker/step.ts'
import { decision } from '../transitions/make.ts'
import { input, nowMs, request, serve, view, weighted } from './fixtures.ts'

const DECISIONS = 2000

/** The ranker's counters over decisions of a softmax over four items, by metric, and by label for the draws. */
function played() {
  const config = parseConfig({ policies: [{ explorer: { name: 'softmax', temperature: 1 } }] })
  const ranker = createRanker(config)
  const inputs = Array.from({ length: DECISIONS }, (_, i) => input('requests', request({ request_id: `r${i}` })))
  const lent = view({ serving: serve(weighted([1, 0.5])) })
  const state = ranker.open(0) as RankerState
  const { outputs, counts } = ranker.step(state, inputs, { timeMs: nowMs, watermarkMs: -1 }, lent)
  const sum = (metric: string, drawn?: string) =>
    counts
      .filter(count => count.metric === metric && (drawn === undefined || count.labels?.drawn === drawn))
      .reduce((total, { value }) => total + value, 0)
  return { decisions: outputs.map(({ value }) => value as Recommendation), sum }
}

test('the likeliest candidate comes as often as its logged probability says, and every draw is counted once', () => {
  const { decisions, sum } = played()
  const greatest = decisions.map(each => Math.max(...each.first_slot_probabilities))
  const likeliest = decisions.filter(
    ({ first_slot_probabilities: all, slots }, i) => all[slots[0].candidate] === greatest[i],
  ).length
  assert.equal(sum('feedloop_draws_total'), DECISIONS)
  assert.equal(sum('feedloop_draws_total', 'likeliest'), likeliest)
  const expected = greatest.reduce((total, p) => total + p, 0)
  assert.ok(Math.abs(sum('feedloop_draws_expected_total') - expected) < 1e-6)
  const deviation = Math.sqrt(greatest.reduce((total, p) => total + p * (1 - p), 0))
  assert.ok(Math.abs(likeliest - expected) < 4 * deviation, `${likeliest} of ${expected} expected`)
  assert.ok(sum('feedloop_draws_total', 'other') > 0.2 * DECISIONS, 'a softmax explores')
})

test('entropies of one decision in eight, at most the logarithm of what could be drawn', () => {
  const { decisions, sum } = played()
  const sampled = decisions.filter(({ seed }) => seed % 8 === 0)
  assert.ok(Math.abs(sampled.length - DECISIONS / 8) < 4 * Math.sqrt(DECISIONS / 8))
  const entropy = sampled
    .flatMap(each => each.first_slot_probabilities)
    .reduce((total, p) => total - (p > 0 ? p * Math.log(p) : 0), 0)
  assert.ok(Math.abs(sum('feedloop_draw_entropy_nats_total') - entropy) < 1e-6)
  assert.ok(Math.abs(sum('feedloop_draw_entropy_limit_nats_total') - sampled.length * Math.log(4)) < 1e-6)
})

test('no draw: a baseline chose, nothing was drawn from, all is pinned', () => {
  assert.equal(firstDrawOf(decision('a', 0, { chosen_by: 'baseline' })), undefined)
  assert.equal(firstDrawOf(decision('b', 0, { first_slot_probabilities: [] })), undefined)
  const { slots, ...rest } = decision('c', 0)
  assert.equal(firstDrawOf({ ...rest, slots: slots.map(slot => ({ ...slot, pinned: true })) }), undefined)
})

test('bins are tenths; certainty is in the last, and has no entropy', () => {
  assert.deepEqual([0, 0.09, 0.1, 0.55, 0.999, 1].map(binOf), ['0.0', '0.0', '0.1', '0.5', '0.9', '0.9'])
  assert.deepEqual(entropyOf([0, 1]), { entropy: 0, limit: 0 })
  assert.deepEqual(entropyOf([0.5, 0, 0.5]), { entropy: Math.LN2, limit: Math.LN2 })
})

test('coverage: different items of the last full window, or of the present one when those are more', () => {
  const coverage = createCoverage(100)
  const show = (timeMs: number, ...items: string[]) => coverage.show(decision('d', 0, { items }), timeMs)
  assert.equal(show(0, 'a', 'b'), 2)
  assert.equal(show(99, 'a', 'c'), 3)
  assert.equal(show(100, 'a'), 3, 'the window before')
  assert.equal(show(150, 'b', 'c', 'd'), 4)
  assert.equal(show(1000, 'a'), 1, 'a window without decisions lies between')
})
