/**
 * Long-term satisfaction (src/environments/long-term.ts): the share of the way from random to optimal, the worst of the seeds, within
 * a budget of decisions. J is computed, not sampled. A bandit that takes the best next reward stands beside.
 */
import { openEnvironment } from '../../src/environments/open.ts'
import type { Bar } from '../main.ts'
import type { SequencesPart } from './part.ts'
import { type Course, sharesOf } from './play.ts'

const BUDGET = 100_000

/** As shipped, but that values are explored by one decision in ten: the environment has four items. */
export const learners: readonly Course['policy'][] = [
  { algorithm: 'v-trace' },
  { algorithm: 'dqn', explorer: { name: 'epsilon-greedy', epsilon: 0.1 } },
  { algorithm: 'ppo' },
  { algorithm: 'a3c' },
]
const myopic: Course['policy'] = { algorithm: 'linear-gaussian', gamma: 0 }

export const benchLong: SequencesPart = async options => {
  const results: Record<string, unknown> = {}
  const bars: Bar[] = []
  for (const policy of learners) {
    const shares = await sharesOf({ environment: openEnvironment('long-term'), policy, decisions: BUDGET }, options)
    results[policy.algorithm] = shares
    const value = Math.min(...shares)
    bars.push({
      name: `${policy.algorithm}: way to the optimum in ${BUDGET} decisions, worst of ${shares.length}`,
      value,
      unit: 'of 1',
      atLeast: 0.95,
    })
  }
  const shares = await sharesOf(
    { environment: openEnvironment('long-term'), policy: myopic, decisions: BUDGET },
    options,
  )
  results.myopic = shares
  bars.push({ name: 'a myopic bandit, best of the seeds', value: Math.max(...shares), unit: 'of 1', atMost: 0.7 })
  return { results: { budget: BUDGET, ...results }, bars }
}
