import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseConfig } from '../../src/config.ts'
import type { Outcome } from '../../src/transitions/join.ts'
import { difference, reducers, rewardOf, standing } from '../../src/transitions/reward.ts'

const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 20 })
const policyOf = (rewards: object, defaultReward: Record<string, number> = {}) =>
  parseConfig({ policies: [{ rewards: rewards as never, defaultReward }] }).policies[0]
const outcomesOf = (type: string, list: readonly (number | null)[]): Outcome[] =>
  list.map((value, i) => ({ id: `${type}${i}`, type, slot: 0, value, timeMs: i, parts: 1 }))

test('max and min are values of the set, and bound it', () => {
  fc.assert(
    fc.property(values, list => {
      for (const bound of [reducers.max(list), reducers.min(list)]) assert.ok(list.includes(bound))
      assert.ok(list.every(value => value <= reducers.max(list) && value >= reducers.min(list)))
    }),
  )
})

test('max of all-negative values is negative', () => {
  fc.assert(
    fc.property(values, list => {
      assert.ok(reducers.max(list.map(value => -1 - Math.abs(value))) < 0)
    }),
  )
})

test('sum is mean times count; first and last are the ends', () => {
  fc.assert(
    fc.property(values, list => {
      assert.ok(Math.abs(reducers.sum(list) - reducers.mean(list) * reducers.count(list)) < 1e-6)
      assert.deepEqual([reducers.first(list), reducers.last(list)], [list[0], list.at(-1)])
    }),
  )
})

test('a set with itself: extremes and mean stay, sum and count double', () => {
  fc.assert(
    fc.property(values, list => {
      const twice = [...list, ...list]
      for (const name of ['max', 'min', 'first', 'last'] as const)
        assert.equal(reducers[name](twice), reducers[name](list))
      for (const name of ['sum', 'count'] as const) assert.equal(reducers[name](twice), 2 * reducers[name](list))
      assert.ok(Math.abs(reducers.mean(twice) - reducers.mean(list)) < 1e-9)
    }),
  )
})

test('the mean of huge values does not overflow', () => {
  assert.ok(Number.isFinite(reducers.mean([Number.MAX_VALUE, Number.MAX_VALUE])))
})

test('an empty set has the default, or nothing', () => {
  for (const aggregate of Object.keys(reducers)) {
    assert.deepEqual(rewardOf([], policyOf({ click: { aggregate } }, { click: 3 })), { click: 3 })
    assert.deepEqual(rewardOf([], policyOf({ click: { aggregate } })), {})
  }
})

test('an outcome without a value is worth 1 where its value counts', () => {
  const policy = policyOf({ rating: { value: 'value' } })
  assert.deepEqual(rewardOf(outcomesOf('rating', [null, 2]), policy), { rating: 3 })
})

test('cancelled outcomes are as if they had not been: default again when none is left', () => {
  const policy = policyOf({ buy: { value: 'value' }, refund: { cancels: 'buy' } }, { buy: -1 })
  const refund: Outcome = { id: 'r', type: 'refund', slot: 0, value: null, timeMs: 9, parts: 1 }
  assert.deepEqual(rewardOf([...outcomesOf('buy', [7]), refund], policy), { buy: -1 })
})

test('each canceller takes back one outcome at most, and none after it', () => {
  const policy = policyOf({ buy: { value: 'value' }, refund: { cancels: 'buy' } })
  const event = fc.record({
    type: fc.constantFrom('buy', 'refund'),
    value: fc.constantFrom(null, 1, 2),
    timeMs: fc.nat({ max: 9 }),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), list => {
      const outcomes = list
        .map((each, i): Outcome => ({ ...each, id: `e${i}`, slot: 0, parts: 1 }))
        .sort((a, b) => a.timeMs - b.timeMs)
      const bought = outcomes.filter(each => each.type === 'buy')
      const refunds = outcomes.filter(each => each.type === 'refund')
      const left = standing(outcomes, 'buy', policy)
      assert.ok(left.every(each => bought.includes(each)))
      assert.ok(bought.length - left.length <= refunds.length)
      const latest = Math.max(-1, ...refunds.map(each => each.timeMs))
      for (const each of bought) if (each.timeMs > latest) assert.ok(left.includes(each))
    }),
  )
})

test('adding the difference leads from one reward to the other', () => {
  const rewards = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: -9, max: 9 }))
  fc.assert(
    fc.property(rewards, rewards, (from, to) => {
      const delta = difference(from, to)
      for (const name of ['a', 'b', 'c']) assert.equal((from[name] ?? 0) + (delta[name] ?? 0), to[name] ?? 0)
      assert.ok(Object.values(delta).every(change => change !== 0))
    }),
  )
})
