import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRandom } from '../../src/state/random.ts'
import { evaluatePolicy, expectedReturn } from '../../src/tabular/evaluate.ts'
import { policyIteration } from '../../src/tabular/iteration.ts'
import { type Mdp, uniformPolicy } from '../../src/tabular/mdp.ts'
import {
  epsilonGreedy,
  monteCarloControl,
  predictValues,
  type Step,
  sampleEpisode,
} from '../../src/tabular/monte-carlo.ts'
import { chain, close, smallGrid } from './worlds.ts'

const step = (state: number, reward: number): Step => ({ state, action: 0, reward })

describe('prediction', () => {
  // state 0 is visited at t = 0 and t = 2; γ = ½: returns 1 + ½ · 2 + ¼ · 4 = 3, and 4
  const episode = [step(0, 1), step(1, 2), step(0, 4)]
  const predict = (visits: 'first' | 'every', episodes: readonly Step[][] = [episode]) =>
    Array.from(predictValues(episodes, { states: 3, discount: 0.5, visits }))
  test('by hand: the first visit, every visit, and none', () => {
    assert.deepEqual(predict('first'), [3, 4, Number.NaN])
    assert.deepEqual(predict('every'), [3.5, 4, Number.NaN])
    assert.deepEqual(predict('first', [episode, [step(0, 5)]]), [4, 4, Number.NaN])
  })
  test('nears the exact values of the small grid', () => {
    const policy = uniformPolicy(smallGrid)
    const exact = evaluatePolicy(smallGrid, policy)
    for (const visits of ['first', 'every'] as const) {
      const random = createRandom(7)
      const episodes = Array.from({ length: 20_000 }, () => sampleEpisode(smallGrid, policy, random))
      const values = predictValues(episodes, { states: 14, discount: 1, visits })
      values.forEach((value, s) => {
        assert.ok(Math.abs(value - exact[s]) < 0.6, `${visits} ${s}: ${value}, exact ${exact[s]}`)
      })
    }
  })
})

describe('control', () => {
  test('ε-greedy by hand', () => {
    assert.deepEqual(Array.from(epsilonGreedy(Float64Array.of(1, 3, 2, 0), 0.25)), [0.0625, 0.8125, 0.0625, 0.0625])
  })
  test('nears the best of the ε-soft policies', () => {
    const epsilon = 0.2
    for (const mdp of [chain(1, 0.1), chain(0.9, 0.5), smallGrid]) {
      const options = { epsilon, episodes: 20_000, visits: 'first', random: createRandom(3) } as const
      const { policy } = monteCarloControl(mdp, options)
      for (const row of policy) assert.ok(row.every(p => p >= epsilon / row.length - 1e-12))
      // Sutton & Barto 2018, 5.4: the same as the best policy where each action is with ε replaced by a random one
      const best = policyIteration(softened(mdp, epsilon)).values.reduce((sum, v, s) => sum + v * mdp.initial[s], 0)
      const reached = expectedReturn(mdp, policy)
      assert.ok(reached > best - 0.02 * Math.abs(best) && reached < best + 1e-9, `${reached} of ${best}`)
    }
  })
  test('the softened world is what it says', () => {
    const mdp = softened(chain(0.9, 0), 1)
    assert.ok(close(policyIteration(mdp).values[0], evaluatePolicy(chain(0.9, 0), uniformPolicy(mdp))[0]))
  })
})

/** The world in which each action is with probability ε replaced by a random one. */
function softened(mdp: Mdp, epsilon: number): Mdp {
  const meanOf = (rows: readonly Float64Array[]) =>
    rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length)
  return {
    ...mdp,
    transitions: mdp.transitions.map(rows => {
      const mean = meanOf(rows)
      return rows.map(row => row.map((p, i) => (1 - epsilon) * p + epsilon * mean[i]))
    }),
    rewards: mdp.rewards.map(row => {
      const mean = row.reduce((sum, r) => sum + r, 0) / row.length
      return row.map(r => (1 - epsilon) * r + epsilon * mean)
    }),
  }
}
