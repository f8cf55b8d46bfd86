/**
 * Rewards: several outcomes of one type become one number by a reducer named in the config. Reducers are pure and see
 * their values in the order of event time (then event id), so the result depends on the set of outcomes only. An empty
 * set has no value: the default takes its place, and only there, so `max` of all-negative values is negative.
 *
 * An outcome may be cancelled (a refund, by `rewards.refund.cancels: purchase`): it then counts as if it had not been.
 */
import type { PolicyConfig } from '../config.ts'
import type { Outcome } from './join.ts'

export type Component = PolicyConfig['rewards'][string]
export type Rewards = Readonly<Record<string, number>>
type Reducer = (values: readonly number[]) => number

const sum: Reducer = values => values.reduce((total, value) => total + value, 0)

/** Each takes at least one value. */
export const reducers = {
  sum,
  first: values => values[0],
  last: values => values[values.length - 1],
  max: values => values.reduce((most, value) => Math.max(most, value)),
  min: values => values.reduce((least, value) => Math.min(least, value)),
  mean: values => values.reduce((mean, value, i) => mean + (value - mean) / (i + 1), 0),
  count: values => values.length,
} as const satisfies Record<Component['aggregate'], Reducer>

/** The wire refuses infinities, and one absurd value must not stop a partition: sums saturate. */
export const finite = (value: number): number =>
  Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, Number.isNaN(value) ? 0 : value))

/** The reward by component; a component without outcomes and without a default is left out (it is 0).
 * @param outcomes in order of time, then id */
export function rewardOf(outcomes: readonly Outcome[], policy: PolicyConfig): Rewards {
  const rewards: Record<string, number> = { ...policy.defaultReward }
  if (outcomes.length === 0) return rewards
  for (const [type, component] of Object.entries(policy.rewards)) {
    if (component.cancels) continue
    const left = standing(outcomes, type, policy)
    if (left.length > 0) rewards[type] = finite(reduced(left, component))
  }
  return rewards
}

/** `count` counts parts; the others reduce what each outcome is worth. */
const reduced = (outcomes: readonly Outcome[], component: Component): number =>
  component.aggregate === 'count'
    ? sum(outcomes.map(({ parts }) => 1 / parts))
    : reducers[component.aggregate](outcomes.map(outcome => worth(outcome, component)))

/** What one outcome is worth to a decision: a constant, or its own value (1 when it has none); its part where others
 * share it. */
const worth = ({ value, parts }: Outcome, component: Component): number =>
  (component.value === 'value' ? (value ?? 1) : component.value) / parts

/** Outcomes of a type that were not cancelled. A canceller, in order of time, takes back the latest one not after it,
 * of its own value where it names one that is there. One that finds nothing cancels nothing. */
export function standing(outcomes: readonly Outcome[], type: string, policy: PolicyConfig): Outcome[] {
  const left = outcomes.filter(outcome => outcome.type === type)
  if (left.length === 0) return left
  for (const canceller of outcomes) {
    if (policy.rewards[canceller.type]?.cancels !== type) continue
    const before = (each: Outcome) => each.timeMs <= canceller.timeMs
    const same = left.findLastIndex(each => before(each) && each.value === canceller.value)
    const found = same >= 0 ? same : left.findLastIndex(before)
    if (found >= 0) left.splice(found, 1)
  }
  return left
}

/** What the cancelled outcomes of a type were worth in all; 0: none is cancelled. A change against it takes reward back. */
export function cancelledWorth(outcomes: readonly Outcome[], type: string, policy: PolicyConfig): number {
  const component = policy.rewards[type]
  if (!component) return 0
  const left = new Set(standing(outcomes, type, policy))
  const cancelled = outcomes.filter(each => each.type === type && !left.has(each))
  return sum(cancelled.map(each => worth(each, component)))
}

/** Changes from one reward to another; components that did not change are left out. */
export function difference(from: Rewards, to: Rewards): Rewards {
  const delta: Record<string, number> = {}
  const note = (component: string): void => {
    const change = finite((to[component] ?? 0) - (from[component] ?? 0))
    if (change !== 0) delta[component] = change
  }
  for (const component in from) note(component)
  for (const component in to) if (!(component in from)) note(component)
  return delta
}
