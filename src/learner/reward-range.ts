/**
 * A declared range of the scalar reward, mapped to [0, 1] by one fixed line: r' = (r - min) / (max - min). Static, so that
 * the same outcome is worth the same at any time and revisions add up; nothing is learned of the range, and a reward
 * outside is mapped by the same line. Learners that keep sums by component take the constant part as a component of its
 * own, `least`, that every decision earns once, so that the range can change, like weights, without a reset.
 */
import type { PolicyConfig } from '../config.ts'
import type { LearnedTransition } from './wire.ts'

export type RewardRange = NonNullable<PolicyConfig['rewardRange']>

/** No event type has a colon in front. */
export const LEAST = ':least'

const span = ({ min, max }: RewardRange): number => max - min

/** The scalar of a reward whose components are weighted and summed. */
export const mapped = (reward: number, range: RewardRange | undefined): number =>
  range ? (reward - range.min) / span(range) : reward

/** A change of it. */
export const mappedChange = (change: number, range: RewardRange | undefined): number =>
  range ? change / span(range) : change

/** The transition with what every decision earns once. */
export function withLeast(transition: LearnedTransition, range: RewardRange | undefined): LearnedTransition {
  if (!range) return transition
  const delta = transition.kind === 'initial' ? { ...transition.delta, [LEAST]: 1 } : transition.delta
  return { ...transition, delta, cumulative: { ...transition.cumulative, [LEAST]: 1 } }
}

/** As it was logged. */
export function withoutLeast(transition: LearnedTransition): LearnedTransition {
  if (!(LEAST in transition.cumulative)) return transition
  const { [LEAST]: _, ...delta } = transition.delta
  const { [LEAST]: _also, ...cumulative } = transition.cumulative
  return { ...transition, delta, cumulative }
}

/** What every decision earns once, times this, is the constant part of the line. */
export const leastWeight = (range: RewardRange | undefined): number => (range ? -range.min / span(range) : 0)
