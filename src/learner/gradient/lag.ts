/** How old the policy is that decided. */
import type { Example } from '../learner.ts'

/** Versions published since the one that decided; all of them when none did. */
export const policyLag = ({ transition }: Example, version: number): number =>
  Math.max(0, version - (Number(transition.model_version) || 0))
