import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Transition } from '../../schemas/records.ts'
import {
  lambdaReturns,
  monteCarloReturns,
  nStepReturns,
  type Step,
  scalarReward,
  segmentsOf,
} from '../../src/transitions/returns.ts'
import { decision, event, input, makeConfig, outcome, startRun, tick } from './make.ts'

/** A segment with these rewards and one discount throughout. */
const segment = (rewards: readonly number[], gamma: number, terminated: boolean): Step[] =>
  rewards.map((reward, t) => ({
    decision_id: `d${t}`,
    cumulative: { click: reward },
    discount: t < rewards.length - 1 ? gamma : null,
    next_decision_id: t < rewards.length - 1 ? `d${t + 1}` : null,
    terminated: terminated && t === rewards.length - 1,
  }))
const near = (actual: readonly number[], expected: readonly number[]) => {
  assert.equal(actual.length, expected.length)
  actual.forEach((value, i) => void assert.ok(Math.abs(value - expected[i]) < 1e-9, `${i}: ${value} ${expected[i]}`))
}

test('a constant reward has the geometric sum as its return', () => {
  const [reward, gamma, length] = [2, 0.9, 12]
  const returns = monteCarloReturns(segment(new Array(length).fill(reward), gamma, true))
  near(
    returns,
    returns.map((_, t) => (reward * (1 - gamma ** (length - t))) / (1 - gamma)),
  )
})

test('a single reward at the end is discounted by its distance', () => {
  near(monteCarloReturns(segment([0, 0, 0, 5], 0.5, true)), [0.625, 1.25, 2.5, 5])
})

test('truncated is not terminated: the value beyond counts (11)', () => {
  const options = { values: [0, 0, 0, 10], lastDiscount: 0.5 }
  near(monteCarloReturns(segment([1, 1, 1], 0.5, true), options), [1.75, 1.5, 1])
  near(monteCarloReturns(segment([1, 1, 1], 0.5, false), options), [3, 4, 6])
})

test('a constant value V = r / (1 - gamma) is its own n-step return for every n', () => {
  const [reward, gamma] = [3, 0.8]
  const value = reward / (1 - gamma)
  const steps = segment(new Array(6).fill(reward), gamma, false)
  const options = { values: new Array(7).fill(value), lastDiscount: gamma }
  for (const n of [1, 2, 3, 6, 100]) near(nStepReturns(steps, n, options), new Array(6).fill(value))
  for (const lambda of [0, 0.3, 1]) near(lambdaReturns(steps, lambda, options), new Array(6).fill(value))
})

test('one step is r + g V of the next', () => {
  const values = [7, 11, 13, 17]
  near(nStepReturns(segment([1, 2, 3], 0.5, false), 1, { values, lastDiscount: 0.25 }), [6.5, 8.5, 7.25])
})

const steps = fc
  .record({
    rewards: fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 8 }),
    gamma: fc.constantFrom(0.1, 0.5, 0.9, 1),
    terminated: fc.boolean(),
  })
  .map(({ rewards, gamma, terminated }) => segment(rewards, gamma, terminated))

test('n-step returns are sums of temporal differences, and lambda returns their mixture', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 9 }), fc.constantFrom(0, 0.4, 0.95), (list, n, lambda) => {
      const values = [...list.map((_, t) => (t * 7) % 5), 3]
      const options = { values, lastDiscount: 0.7 }
      const last = list.length - 1
      const g = list.map((each, t) => (each.terminated ? 0 : t === last ? 0.7 : each.discount!))
      const delta = list.map((each, t) => scalarReward(each) + g[t] * values[t + 1] - values[t])
      const sumFrom = (t: number, end: number, decay: number) => {
        let sum = 0
        for (let k = end - 1; k >= t; k--) sum = delta[k] + decay * g[k] * sum
        return values[t] + sum
      }
      near(
        nStepReturns(list, n, options),
        list.map((_, t) => sumFrom(t, Math.min(t + n, list.length), 1)),
      )
      near(
        lambdaReturns(list, lambda, options),
        list.map((_, t) => sumFrom(t, list.length, lambda)),
      )
      near(monteCarloReturns(list, options), lambdaReturns(list, 1, options))
    }),
  )
})

test('components are weighted', () => {
  const cumulative = { click: 2, dwell: 10 }
  assert.equal(
    scalarReward({ cumulative }, name => ({ click: 1, dwell: 0.1 })[name] ?? 0),
    3,
  )
})

test('what does not follow is no segment', () => {
  const [first, , third] = segment([1, 2, 3], 0.5, true)
  assert.throws(() => monteCarloReturns([first, third]), { code: 'RECORD_INVALID' })
  assert.throws(() => nStepReturns([first], 1, { values: [1] }), { code: 'RECORD_INVALID' })
  assert.throws(() => nStepReturns([first], 0), RangeError)
})

test('what the joiner writes can be walked: segments, late rewards and the gamma of time included', () => {
  const { run, take } = startRun(makeConfig({ gamma: 0.9 }))
  const made = [decision('d1', 0), decision('d2', 2), decision('d3', 3), decision('x', 9, { session_id: 't' })]
  take({ tick: tick(4), inputs: made.map(input) })
  take({
    tick: tick(6),
    inputs: [outcome('click', 'd3', 5), outcome('click', 'd1', 5), event('leave', 6, { session_id: 's' })].map(input),
  })
  const newest = new Map<string, Transition>()
  for (const each of run.written) newest.set(each.transition_id, each)
  const cut = segmentsOf([...newest.values()].reverse())
  assert.deepEqual(cut.map(each => each.map(step => step.decision_id).join()).sort(), ['d1,d2,d3', 'x'])
  const whole = cut.find(each => each.length === 3)!
  near(monteCarloReturns(whole), [1 + 0.9 ** 3, 0.9, 1])
})
