/**
 * One learner and explorer in one environment, in process and without the bus, but through the code of the running
 * services: the ranker's `decide` (state encoder, candidates, explorer with its propensities, sampled slate), the joiner's
 * transition and reward, the learner's example encoder and `learn`. Only the publishing interval is missing: the policy
 * serves from the learner's sums as they are.
 */
import type { Transition } from '../../../schemas/records.ts'
import type { Config } from '../../config.ts'
import type { Act, Environment, Observation, Session } from '../../environments/environment.ts'
import { catalogueOf, eventOf, requestOf } from '../../environments/in-process.ts'
import { createExampleEncoder } from '../../learner/examples.ts'
import type { TensorFlow } from '../../learner/tensorflow.ts'
import { componentWeights } from '../../models/load.ts'
import type { Policy } from '../../models/policy.ts'
import { createDecide, type RankerView } from '../../ranker/decide.ts'
import { createStateEncoder } from '../../state/encode.ts'
import { applyDecision, applyEvent, newUser, type UserState } from '../../state/user.ts'
import type { Outcome } from '../../transitions/join.ts'
import { rewardOf } from '../../transitions/reward.ts'
import { firstRevision, transitionOf } from '../../transitions/transition.ts'
import { createLive } from './live-learner.ts'

export interface PlayOptions {
  readonly environment: Environment
  /** With one policy, which plays. */
  readonly config: Config
  readonly decisions: number
  readonly seed: number
  /** Serves as it is, and nothing is learned; absent: a new learner. */
  readonly frozen?: Policy
  /** Items of the first decisions, each the only candidate there: so that several learn from one past. Slates of one. */
  readonly past?: readonly string[]
  /** For a learner that needs it. */
  readonly tensorflow?: TensorFlow
}

export interface Play {
  /** True expected reward of what was shown, one a decision. */
  readonly rewards: Float64Array
  /** First item of each slate. */
  readonly shown: readonly string[]
  readonly cpuMs: number
  /** As it is at the end. */
  readonly policy: Policy
}

/** Time between two decisions, ms of event time. */
const STEP_MS = 1000

export function play({ environment, config, decisions, seed, frozen, past = [], tensorflow }: PlayOptions): Play {
  const begun = process.cpuUsage()
  const agent = createAgent(config, environment, frozen, tensorflow)
  const rewards = new Float64Array(decisions)
  const shown: string[] = []
  let made = 0
  for (let index = 0; made < decisions && index < (environment.sessions ?? Number.POSITIVE_INFINITY); index++) {
    const session = environment.session(index, seed)
    let user = newUser
    for (let observation = session.reset(); ; ) {
      user = agent.see(user, session, observation.organic, made * STEP_MS)
      if (observation.done || made === decisions) break
      const offered = made < past.length ? { ...observation, candidates: [past[made]] } : observation
      const turn = agent.turn(user, session, offered, ++made)
      shown.push(turn.shown[0])
      rewards[made - 1] = turn.expectedReward
      user = turn.user
      observation = turn.next
    }
  }
  const used = process.cpuUsage(begun)
  return { rewards: rewards.subarray(0, made), shown, cpuMs: (used.user + used.system) / 1000, policy: agent.policy }
}

function createAgent(config: Config, environment: Environment, frozen?: Policy, tensorflow?: TensorFlow) {
  const [policy] = config.policies
  const encoder = createStateEncoder(config)
  const weightOf = componentWeights(policy.rewards)
  const { learner, live } = createLive(config, encoder, weightOf, tensorflow)
  const served = frozen ?? live
  const serving = { policy: served, releaseVersion: 'live', mode: 'online', evidence: {} } as const
  const features = catalogueOf(environment, config.features.dimensions)
  const view: RankerView = { features, catalogueReady: true, serving: () => serving }
  const decide = createDecide(config)
  const examples = createExampleEncoder({
    encoder,
    dimensions: config.features.dimensions,
    usesCandidates: learner.usesCandidates,
    weightOf,
  })

  const see = (user: UserState, session: Session, acts: readonly Act[], timeMs: number): UserState =>
    acts.reduce(
      (state, act, i) =>
        applyEvent(state, eventOf(act, session, `${user.counts[act.type] ?? 0}/${i}`, timeMs), config.state),
      user,
    )

  return {
    policy: served,
    see,
    turn(user: UserState, session: Session, observation: Observation, number: number) {
      const timeMs = number * STEP_MS
      const request = requestOf(session, observation, policy.name, timeMs)
      const { recommendation } = decide(request, user, timeMs, view)
      const shown = recommendation.slots.map(slot => slot.item_id)
      const { outcomes, expectedReward, next } = session.step(shown)
      const own = outcomes.map(
        (act, i): Outcome => ({
          ...act,
          id: String(i),
          slot: act.itemId === null ? -1 : shown.indexOf(act.itemId),
          timeMs,
          parts: 1,
        }),
      )
      const decided = { ...user, sessions: applyDecision(user.sessions, recommendation) }
      const after = { shown, expectedReward, next, user: see(decided, session, outcomes, timeMs) }
      if (frozen) return after
      const transitions = recommendation.slots.map((_, slot) => {
        const reward = rewardOf(
          own.filter(outcome => outcome.slot === slot),
          policy,
        )
        const said = { delta: reward, cumulative: reward, reward_time_ms: own.length > 0 ? timeMs : null }
        return transitionOf(recommendation, slot, { ...firstRevision, ...said }) as Transition
      })
      const encoded = transitions.map(each => examples.encode(each, features))
      learner.learn(encoded.filter(each => typeof each !== 'string'))
      return after
    },
  }
}
