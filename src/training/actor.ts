/**
 * Decides in many sessions at once, as the ranker does: `decide` with the state of each person, the configured explorer, and
 * propensities that are those of the draw.
 */
import type { Recommendation } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { Act, Environment } from '../environments/environment.ts'
import { catalogueOf, eventOf, requestOf } from '../environments/in-process.ts'
import type { Lane } from '../environments/vector.ts'
import type { FeatureStore } from '../features/store.ts'
import type { Policy } from '../models/policy.ts'
import { createDecide, type RankerView } from '../ranker/decide.ts'
import { applyDecision, applyEvent, newUser, type UserState } from '../state/user.ts'

export interface Actor {
  readonly features: FeatureStore
  /** Serves from now on; null: the initial policy. */
  policy: Policy | null
  /** The decision in a lane, which the person's state then remembers. */
  decide(lane: Lane, user: UserState, timeMs: number): { decision: Recommendation; user: UserState }
  /** What the person did, to their state. */
  see(user: UserState, lane: Lane, acts: readonly Act[], timeMs: number): UserState
}

/** Somebody who has done nothing yet but what the first observation says. */
export const enter = (actor: Actor, lane: Lane, timeMs: number): UserState =>
  actor.see(newUser, lane, lane.observation.organic, timeMs)

/** @param config with one policy, which decides */
export function createActor(config: Config, environment: Environment): Actor {
  const [{ name }] = config.policies
  const decide = createDecide(config)
  const features = catalogueOf(environment, config.features.dimensions)
  const view: RankerView = {
    features,
    catalogueReady: true,
    serving: () => ({
      policy: actor.policy,
      releaseVersion: actor.policy?.version ?? '',
      mode: 'online',
      evidence: {},
    }),
  }
  const actor: Actor = {
    features,
    policy: null,
    decide({ session, observation }, user, timeMs) {
      const { recommendation } = decide(requestOf(session, observation, name, timeMs), user, timeMs, view)
      return {
        decision: recommendation,
        user: { ...user, sessions: applyDecision(user.sessions, recommendation) },
      }
    },
    see: (user, { session }, acts, timeMs) =>
      acts.reduce(
        (state, act, i) => applyEvent(state, eventOf(act, session, `${timeMs}/${i}`, timeMs), config.state),
        user,
      ),
  }
  return actor
}
