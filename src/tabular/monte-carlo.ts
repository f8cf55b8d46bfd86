/** Learning from whole episodes, without a model (Sutton & Barto 2018, chapter 5). */
import type { Random } from '../state/random.ts'
import type { Mdp, PolicyTable } from './mdp.ts'

export interface Step {
  readonly state: number
  readonly action: number
  /** That came of the action. */
  readonly reward: number
}

export type Visits = 'first' | 'every'

/** An episode of a process whose rewards are the expected ones. It must end under the policy. */
export function sampleEpisode({ transitions, rewards, initial }: Mdp, policy: PolicyTable, random: Random): Step[] {
  const steps: Step[] = []
  for (let state = draw(initial, random); state >= 0; ) {
    const action = Math.max(0, draw(policy[state], random))
    steps.push({ state, action, reward: rewards[state][action] })
    state = draw(transitions[state][action], random)
  }
  return steps
}

/** @returns an index; -1 by the probability that the row lacks to 1 */
function draw(row: Float64Array, random: Random): number {
  let left = random.uniform()
  for (let i = 0; i < row.length; i++) {
    left -= row[i]
    if (left < 0) return i
  }
  return -1
}

/**
 * Monte-Carlo prediction (Sutton & Barto 2018, 5.1): v(s) is the mean of the returns G_t that followed the visits to s. The first
 * visit of an episode alone is without bias; every visit has less variance.
 * @returns NaN for a state that was never visited
 */
export function predictValues(
  episodes: Iterable<readonly Step[]>,
  { states, discount, visits }: { readonly states: number; readonly discount: number; readonly visits: Visits },
): Float64Array {
  const sums = new Float64Array(states)
  const counts = new Float64Array(states)
  for (const steps of episodes)
    eachVisit(
      steps,
      discount,
      visits,
      ({ state }) => state,
      ({ state }, value) => {
        sums[state] += value
        counts[state]++
      },
    )
  return sums.map((total, s) => total / counts[s])
}

export interface ControlOptions {
  /** Of the exploration, (0, 1]: each action keeps at least ε/|A(s)|. */
  readonly epsilon: number
  readonly episodes: number
  readonly visits: Visits
  readonly random: Random
}

export interface Control {
  /** ε-soft. */
  readonly policy: PolicyTable
  /** q(s, a); 0 where never taken. */
  readonly values: readonly Float64Array[]
}

/**
 * On-policy Monte-Carlo control for ε-soft policies (Sutton & Barto 2018, 5.4): after each episode q moves to the mean of its returns,
 * and the policy of the states met becomes ε-greedy by it. It nears the best of the ε-soft policies, not the best.
 */
export function monteCarloControl(mdp: Mdp, { epsilon, episodes, visits, random }: ControlOptions): Control {
  const actions = mdp.rewards.map(({ length }) => length)
  const values = actions.map(count => new Float64Array(count))
  const counts = actions.map(count => new Float64Array(count))
  const policy = actions.map(count => new Float64Array(count).fill(1 / count))
  const widest = Math.max(...actions)
  const pairOf = ({ state, action }: Step) => state * widest + action
  for (let n = 0; n < episodes; n++) {
    const steps = sampleEpisode(mdp, policy, random)
    eachVisit(steps, mdp.discount, visits, pairOf, ({ state, action }, value) => {
      values[state][action] += (value - values[state][action]) / ++counts[state][action]
    })
    for (const { state } of steps) policy[state].set(epsilonGreedy(values[state], epsilon))
  }
  return { policy, values }
}

/** 1 - ε + ε/|A| for the best action, ε/|A| for the others (Sutton & Barto 2018, 5.4). */
export function epsilonGreedy(values: Float64Array, epsilon: number): Float64Array {
  const best = values.indexOf(values.reduce((most, value) => Math.max(most, value)))
  return values.map((_, a) => epsilon / values.length + (a === best ? 1 - epsilon : 0))
}

/** Hands out the steps that count as visits, each with the return that followed, G_t = r_t + γ G_(t+1). */
function eachVisit(
  steps: readonly Step[],
  discount: number,
  visits: Visits,
  keyOf: (step: Step) => number,
  take: (step: Step, value: number) => void,
): void {
  const first = new Map<number, number>()
  steps.forEach((step, t) => {
    if (!first.has(keyOf(step))) first.set(keyOf(step), t)
  })
  let value = 0
  for (let t = steps.length - 1; t >= 0; t--) {
    value = steps[t].reward + discount * value
    if (visits === 'every' || first.get(keyOf(steps[t])) === t) take(steps[t], value)
  }
}
