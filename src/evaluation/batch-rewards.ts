/** The rewards of the batch join (batch.ts): its own few lines, so that a fault of the joiner's reducers shows. */
import type { BehaviorEvent } from '../../schemas/records.ts'
import type { PolicyConfig } from '../config.ts'

/** An outcome that `parts` decisions share. */
type Shared = BehaviorEvent & { readonly parts: number }

/** By component; one without outcomes and without a default is left out.
 * @param outcomes in order of time, then id */
export function rewardsOf(outcomes: readonly Shared[], policy: PolicyConfig): Record<string, number> {
  const rewards: Record<string, number> = { ...policy.defaultReward }
  for (const [type, component] of Object.entries(policy.rewards)) {
    if (component.cancels) continue
    const left = outcomes.filter(each => each.type === type)
    for (const taker of outcomes.filter(each => policy.rewards[each.type]?.cancels === type)) {
      const earlier = left.filter(each => each.time_ms <= taker.time_ms)
      const taken = earlier.filter(each => each.value === taker.value).at(-1) ?? earlier.at(-1)
      if (taken) left.splice(left.indexOf(taken), 1)
    }
    const parts = left.map(each => 1 / each.parts)
    const values = left.map(each => (component.value === 'value' ? (each.value ?? 1) : component.value) / each.parts)
    if (values.length > 0) rewards[type] = saturated(aggregated(component.aggregate, values, parts))
  }
  return rewards
}

/** @param values in order of time @param parts of each outcome that are this decision's */
function aggregated(
  name: PolicyConfig['rewards'][string]['aggregate'],
  values: readonly number[],
  parts: readonly number[],
): number {
  const ascending = values.toSorted((a, b) => a - b)
  return {
    sum: total(values),
    first: values[0]!,
    last: values.at(-1)!,
    max: ascending.at(-1)!,
    min: ascending[0]!,
    // of values near the largest double the sum is none
    mean: total(values.map(each => each / values.length)),
    count: total(parts),
  }[name]
}

const total = (values: readonly number[]): number => {
  let sum = 0
  for (const value of values) sum += value
  return sum
}

/** Beyond the largest double is the largest double. */
const saturated = (value: number): number => Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value || 0))
