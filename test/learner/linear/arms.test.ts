import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Example } from '../../../src/learner/learner.ts'
import { createLinearLearner } from '../../../src/learner/linear/learner.ts'
import { exampleOf, plainFeatures, publish } from '../examples.ts'

const options = {
  ...plainFeatures(1),
  priorPrecision: 1,
  maxItems: 100,
  halfLifeMs: 0,
  maxCheckpointBytes: 1 << 24,
}
const shown = (item: string, n: number): Example =>
  exampleOf(Float64Array.of(1), { transition_id: `${n}/0`, action: [item], decision_time_ms: 1_000_000 + n })

/** a and b in turns for some decisions, then a alone. */
const stream = (together: number, alone: number): Example[] =>
  Array.from({ length: together + alone }, (_, n) => shown(n < together && n % 2 ? 'b' : 'a', n))
const deadAfter = (examples: readonly Example[]): number => createLinearLearner(options).learn(examples).stats.dead_arms

test('an arm is dead once it was silent for 50 times the turn that an even share would give it', () => {
  assert.equal(deadAfter([]), 0)
  assert.equal(deadAfter(stream(1000, 0)), 0)
  assert.equal(deadAfter(stream(1000, 95)), 0)
  assert.equal(deadAfter(stream(1000, 105)), 1)
})

test('whatever the order, and after a restart too', () => {
  const examples = stream(1000, 105)
  assert.equal(deadAfter([...examples].reverse()), 1)
  const first = createLinearLearner(options)
  first.learn(examples.slice(0, 1000))
  const second = createLinearLearner(options)
  second.restore(publish(first, '1', true))
  assert.equal(second.learn(examples.slice(1000)).stats.dead_arms, 1)
})

test('after a restart from a version that does not say since when it learned, no arm is called dead', () => {
  const first = createLinearLearner(options)
  first.learn(stream(1000, 0))
  const published = publish(first, '1', true)
  const { first_ms: _, ...parameters } = published.parameters
  const second = createLinearLearner(options)
  second.restore({ ...published, parameters })
  assert.equal(second.learn([shown('a', 1000)]).stats.dead_arms, 0)
})
