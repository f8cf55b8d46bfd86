/**
 * Returns of session segments: runs of one session's transitions, each the next decision of the one before, with their
 * cumulative rewards. Walked backwards by the recursion of transition.ts, G_t = r_t + g_t G_t', where g_t = gamma^(t' - t)
 * is the transition's own `discount`. What lies beyond the last decision of a segment is 0 where the episode terminated
 * and must be estimated where it was truncated or is not over: a truncated episode treated as terminated teaches that
 * nothing comes after the last thing observed (Pardo et al. 2018, arXiv 1712.00378).
 */
import type { Transition } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'

/** What returns need of one transition, whatever the slot. */
export type Step = Pick<Transition, 'decision_id' | 'cumulative' | 'discount' | 'next_decision_id' | 'terminated'>

/** Scalar reward: sum over components of weight times cumulative reward; a component without a weight counts once. */
export const scalarReward = (
  { cumulative }: Pick<Transition, 'cumulative'>,
  weightOf: (component: string) => number = () => 1,
): number => Object.entries(cumulative).reduce((sum, [name, value]) => sum + weightOf(name) * value, 0)

/** Cuts the newest revisions of one session and policy, one slot each, in any order, into segments: each in order of
 * decisions, without a gap. A decision whose next is not among them ends its segment. */
export function segmentsOf<T extends Step>(steps: readonly T[]): T[][] {
  const byId = new Map(steps.map(step => [step.decision_id, step]))
  const followers = new Set(steps.map(step => step.next_decision_id))
  const segments: T[][] = []
  for (const first of steps) {
    if (followers.has(first.decision_id)) continue
    const segment: T[] = []
    for (let step: T | undefined = first; step; step = byId.get(step.next_decision_id ?? '')) segment.push(step)
    segments.push(segment)
  }
  return segments
}

export interface ReturnOptions {
  readonly rewardOf?: (step: Step) => number
  /** Discount from the last decision to what is beyond it, where the segment was cut there and names none; default 1. */
  readonly lastDiscount?: number
  /** Value of the state of each step, and of the one beyond the last: `steps.length + 1` numbers. Default: all 0. */
  readonly values?: readonly number[]
}

/** Monte-Carlo returns: G_t = sum over k of (product of discounts from t to t+k) r_(t+k), and the value beyond the last
 * step unless the episode terminated there.
 * @returns one number a step @throws FeedloopError RECORD_INVALID when the steps are no segment */
export const monteCarloReturns = (steps: readonly Step[], options: ReturnOptions = {}): number[] =>
  nStepReturns(steps, Number.POSITIVE_INFINITY, options)

/** n-step returns: n rewards, then the value of the state n decisions on (Sutton and Barto 2018, eq. 7.1, with a discount
 * of its own a step). An episode that ends before is summed to its end.
 * @param n at least 1 @returns one number a step @throws FeedloopError RECORD_INVALID when the steps are no segment */
export function nStepReturns(steps: readonly Step[], n: number, options: ReturnOptions = {}): number[] {
  if (!(n >= 1)) throw new RangeError(`n: ${n} is not at least 1`)
  const { values } = checked(steps, options)
  const rewards = steps.map(step => (options.rewardOf ?? scalarReward)(step))
  const discounts = steps.map((step, t) => discountOf(step, t === steps.length - 1, options))
  return steps.map((_, t) => {
    const end = Math.min(t + n, steps.length)
    let sum = values[end]
    for (let k = end - 1; k >= t; k--) sum = rewards[k] + discounts[k] * sum
    return sum
  })
}

/** Lambda returns: G_t = r_t + g_t ((1 - lambda) V_(t+1) + lambda G_(t+1)) (Sutton and Barto 2018, section 12.1). lambda 0:
 * one step; lambda 1: Monte Carlo. @throws FeedloopError RECORD_INVALID when the steps are no segment */
export function lambdaReturns(steps: readonly Step[], lambda: number, options: ReturnOptions = {}): number[] {
  const { values } = checked(steps, options)
  const returns: number[] = new Array(steps.length)
  let beyond = values[steps.length]
  for (let t = steps.length - 1; t >= 0; t--) {
    const reward = (options.rewardOf ?? scalarReward)(steps[t])
    const mixed = (1 - lambda) * values[t + 1] + lambda * beyond
    beyond = returns[t] = reward + discountOf(steps[t], t === steps.length - 1, options) * mixed
  }
  return returns
}

/** 0 beyond a termination; within a segment the transition's own; beyond a cut what the caller says. */
function discountOf(step: Step, isLast: boolean, { lastDiscount = 1 }: ReturnOptions): number {
  if (step.terminated) return 0
  return isLast ? (step.discount ?? lastDiscount) : step.discount!
}

function checked(steps: readonly Step[], { values }: ReturnOptions): { values: readonly number[] } {
  for (const [t, step] of steps.slice(0, -1).entries())
    if (step.next_decision_id !== steps[t + 1].decision_id || step.discount === null)
      throw new FeedloopError('RECORD_INVALID', `${step.decision_id} is not followed by ${steps[t + 1].decision_id}`)
  if (values && values.length !== steps.length + 1)
    throw new FeedloopError('RECORD_INVALID', `${values.length} values for ${steps.length} steps and what is beyond`)
  return { values: values ?? new Array(steps.length + 1).fill(0) }
}
