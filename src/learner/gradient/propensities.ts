/** Importance weights need the true propensity of what was shown. */
import type { Example } from '../learner.ts'

/** Why a revision can't be weighed by its propensity: the same for every revision of a transition. */
export function unweighable({ transition }: Example): string | undefined {
  if (transition.propensity_kind !== 'exact') return 'propensity_not_exact'
  const propensity = transition.first_draw_propensity
  return propensity > 0 && propensity <= 1 ? undefined : 'propensity_invalid'
}

/** One of several shown together: its propensity is not all that made the outcome. */
export const isSlate = ({ transition }: Example): boolean => transition.slots > 1
