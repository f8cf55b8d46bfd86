/** The learner's side of changes.ts: what it expects of a decision, and what it does when the world has changed. */
import type { LearnedTransition } from '../wire.ts'
import { rescale } from './blocks.ts'
import { expectedReward, isChanged, note } from './changes.ts'
import { forget, readScale } from './decay.ts'
import { sumOfSquares } from './moments.ts'
import { FIRST_ESTIMATE, type State } from './state.ts'

/** Of the decision by the sums so far; undefined when nothing is expected, or nobody watches.
 * @param encoded state: where the prior has a mean the feature map leaves the state as it is */
export function expectation(state: State, { kind, action }: LearnedTransition, encoded: Float64Array) {
  const { watch } = state.options
  const block = watch && kind === 'initial' ? state.blocks.get(action[0]) : undefined
  if (!block) return undefined
  const { prior, components, clock } = state
  const weights = Array.from(components.keys(), watch!)
  return expectedReward(block, encoded, { prior, scale: readScale(clock), weights })
}

/** Forgets when items have long earned less. Asked between steps: within one, decisions can come before all rewards. */
export function adapt(state: State): void {
  const { options, changes, clock, moments } = state
  if (!options.watch || changes.buckets.length < 2) return
  const weights = Array.from(state.components.keys(), options.watch)
  const unit = Math.sqrt(sumOfSquares(moments, weights) / moments.weight)
  if (!isChanged(changes, clock.newestMs, unit, options.dispersion)) return
  rescale(state, forget(clock))
  changes.buckets.length = 0
  state.nextEstimate = state.decisions + FIRST_ESTIMATE
}

/** Notes what came beside what was expected. */
export function compare(state: State, transition: LearnedTransition, expected: number | undefined): void {
  const { options, changes, clock } = state
  const { kind, delta, weight, decision_time_ms: decisionMs, reward_time_ms: rewardMs } = transition
  if (!options.watch || (kind === 'initial' && expected === undefined)) return
  let reward = 0
  for (const component in delta) reward += weight * options.watch(component) * delta[component]
  const own = kind === 'initial' ? weight : 0
  const surplus = reward - own * (expected ?? 0)
  note(changes, { decisionMs, newestMs: clock.newestMs, weight: own, surplus, reward: rewardMs === null ? 0 : reward })
}
