/** The maximum over the next candidates needs some. */
import type { Example } from '../learner.ts'

/** Why a revision can't be learned by who takes it. */
export function withoutChoice({ transition, nextState, nextCandidates }: Example): string | undefined {
  const goesOn = nextState !== null && !transition.terminated && (transition.discount ?? 0) > 0
  return goesOn && !nextCandidates?.length ? 'no_next_candidates' : undefined
}
