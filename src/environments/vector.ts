/**
 * N sessions of an environment side by side in one process, stepped together (the vector environments of Gymnasium, with
 * autoreset on the same step): where a session is over, the next one begins in its lane. Sessions are numbered in the order
 * in which they begin, and what happens in each depends on seed and number alone.
 */
import type { Environment, Observation, Session, Transition } from './environment.ts'

export interface Lane {
  readonly session: Session
  /** Before the next decision; never `done`. */
  readonly observation: Observation
}

export interface VectorEnvironment {
  /** Where sessions are at, by lane; null: there are no more sessions. */
  readonly lanes: readonly (Lane | null)[]
  /** Number of the session that begins next. */
  readonly next: number
  /** One decision in each lane. @param slates by lane; null where there is no session
   * @returns what came of each: `next.done` where that session is over and another one stands in the lane */
  step(slates: readonly (readonly string[] | null)[]): (Transition | null)[]
}

/** @param from number of the first session */
export function vectorise(environment: Environment, count: number, seed: number, from = 0): VectorEnvironment {
  let next = from
  const begin = (): Lane | null => {
    while (next < (environment.sessions ?? Number.POSITIVE_INFINITY)) {
      const session = environment.session(next++, seed)
      const observation = session.reset()
      if (!observation.done) return { session, observation }
    }
    return null
  }
  const lanes = Array.from({ length: count }, begin)
  return {
    lanes,
    get next() {
      return next
    },
    step: slates =>
      lanes.map((lane, i) => {
        const slate = slates[i]
        if (lane === null || slate === null) return null
        const transition = lane.session.step(slate)
        lanes[i] = transition.next.done ? begin() : { session: lane.session, observation: transition.next }
        return transition
      }),
  }
}
