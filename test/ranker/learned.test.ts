/** Schedules follow what the serving version states to have learned, and the record says what they made of it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import type { Learned, Policy } from '../../src/models/policy.ts'
import { createDecide } from '../../src/ranker/decide.ts'
import { newUser } from '../../src/state/user.ts'
import { catalogue, initialServing, nowMs, request, serve, view, weighted } from './fixtures.ts'

type PolicyInput = NonNullable<ConfigInput['policies']>[number]

function decided(policy: PolicyInput, served: Policy | null) {
  const decide = createDecide(parseConfig({ policies: [policy] }))
  const serving = served ? serve(served) : () => initialServing
  return decide(request(), newUser, nowMs, view({ features: catalogue(3), serving })).recommendation
}

const after = (learned?: Learned): Policy => ({ ...weighted([0.5, 0.3, 0.9]), learned })
const squarecb: PolicyInput = { explorer: { name: 'squarecb', gamma: 10 } }
const decaying: PolicyInput = { explorer: { name: 'epsilon-greedy', epsilon: 0.01 } }

describe('schedules', () => {
  test('squarecb: the logged gamma gives the logged probabilities', () => {
    const { explorer, first_slot_probabilities: p } = decided(squarecb, after({ decisions: 3, rewardScale: 0.5 }))
    assert.deepEqual(explorer, { name: 'squarecb', parameters: { gamma: 40 } })
    assert.deepEqual(
      p.map(value => value.toFixed(9)),
      [1 / 19, 1 / 27, 1 - 1 / 19 - 1 / 27].map(value => value.toFixed(9)),
    )
  })
  test('epsilon-greedy: decays from version to version', () => {
    const epsilons = [0, 99, 1e6].map(
      decisions => decided(decaying, after({ decisions, rewardScale: 1 })).explorer.parameters.epsilon,
    )
    assert.deepEqual(epsilons, [1, 0.1, 0.01])
  })
  test('a version that says nothing has the floor, and so has what serves before the first release', () => {
    assert.equal(decided(decaying, after()).explorer.parameters.epsilon, 0.01)
    assert.deepEqual(decided({ ...decaying, initial: 'greedy' }, null).explorer.parameters, { epsilon: 0.01 })
    assert.equal(decided({ ...squarecb, initial: 'greedy' }, null).propensity_kind, 'deterministic')
  })
})
