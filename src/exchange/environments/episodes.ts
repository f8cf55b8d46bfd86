/**
 * Episodes of an environment for agents elsewhere: reset, then step with slates until they end. What an agent sees is the
 * state vector that the ranker would decide on, what it earns the scalar reward that the learner would be told, both
 * under the environment's own configuration. Rewards that come late in the running loop are told at once.
 */
import { randomUUID } from 'node:crypto'
import { type PolicyConfig, parseConfig } from '../../config.ts'
import type { Act, Environment, Observation, Session } from '../../environments/environment.ts'
import { FeedloopError } from '../../errors.ts'
import { mapped } from '../../learner/reward-range.ts'
import { componentWeights } from '../../models/load.ts'
import { createStateEncoder } from '../../state/encode.ts'
import { newUser, snapshotOf, type UserState } from '../../state/user.ts'
import { type Actor, createActor } from '../../training/actor.ts'
import { rewardOf } from '../../transitions/reward.ts'

export interface Described {
  readonly name: string
  /** By index, which is an agent's action. */
  readonly items: readonly string[]
  /** Most items of a slate. */
  readonly slots: number
  readonly state_dimensions: number
  readonly encoder_version: string
}

/** Before a decision, or at the end. */
export interface Observed {
  readonly state: readonly number[]
  /** By item: 1 when it may be shown. */
  readonly mask: readonly (0 | 1)[]
}

export interface Begun extends Observed {
  readonly episode: string
  /** Number of the session: those that are over before anything is decided are passed over. */
  readonly index: number
}

export interface Stepped extends Observed {
  readonly reward: number
  /** True mean of the rewards' scores, whatever happened. */
  readonly expected_reward: number
  /** The person has left: there is nothing beyond. */
  readonly terminated: boolean
  /** The session ended otherwise: what would have come is unknown. */
  readonly truncated: boolean
}

export interface Episodes {
  readonly described: Described
  /** The same seed and index are the same episode. @throws FeedloopError RECORD_INVALID when there is no such session */
  reset(seed: number, index: number): Begun
  /** @throws FeedloopError EPISODE_UNKNOWN, RECORD_INVALID for a slate that cannot be shown */
  step(episode: string, slate: readonly string[]): Stepped
}

interface Open {
  readonly session: Session
  observation: Observation
  user: UserState
  decisions: number
}

/** Time between two decisions, ms of event time. */
const STEP_MS = 1000

/** @param most episodes open at once: the one that was stepped longest ago makes room */
export function createEpisodes(environment: Environment, most: number): Episodes {
  const config = parseConfig(environment.preset)
  const encoder = createStateEncoder(config)
  const actor = createActor(config, environment)
  const items = environment.items().map(({ item_id }) => item_id)
  const rewards = createRewards(config.policies[0])
  const open = new Map<string, Open>()
  const observed = ({ user, observation, decisions }: Open): Observed => {
    const snapshot = snapshotOf(user, observation.context, decisions * STEP_MS, () => 1)
    const may = new Set(observation.candidates ?? items)
    return {
      state: [...encoder.encode(snapshot, actor.features.vector)],
      mask: items.map(item => (may.has(item) ? 1 : 0)),
    }
  }
  const see = (episode: Open, acts: readonly Act[]): void => {
    episode.user = seen(actor, episode, acts)
  }
  return {
    described: {
      name: environment.name,
      items,
      slots: environment.session(0, 0).reset().slots,
      state_dimensions: encoder.dimensions,
      encoder_version: encoder.version,
    },
    reset(seed, from) {
      const { session, observation, index } = sessionFrom(environment, seed, from)
      const id = randomUUID()
      const episode = { session, observation, user: newUser, decisions: 0 }
      see(episode, observation.organic)
      if (open.size >= most) open.delete(open.keys().next().value!)
      open.set(id, episode)
      return { episode: id, index, ...observed(episode) }
    },
    step(id, slate) {
      const episode = open.get(id)
      if (!episode) throw new FeedloopError('EPISODE_UNKNOWN', `episode ${id}: it is over, or made room for newer ones`)
      refuseSlate(slate, episode.observation, items)
      open.delete(id)
      const { outcomes, expectedReward, next } = episode.session.step(slate)
      episode.decisions++
      episode.observation = next
      see(episode, [...outcomes, ...next.organic])
      if (!next.done) open.set(id, episode)
      const left = next.organic.some(({ type }) => type === 'leave')
      return {
        ...observed(episode),
        reward: rewards(outcomes, slate),
        expected_reward: expectedReward,
        terminated: next.done && left,
        truncated: next.done && !left,
      }
    },
  }
}

const seen = (actor: Actor, { session, observation, user, decisions }: Open, acts: readonly Act[]): UserState =>
  actor.see(user, { session, observation }, acts, decisions * STEP_MS)

/** The first session from there on in which something is to be decided. */
function sessionFrom(environment: Environment, seed: number, from: number) {
  for (let index = from; index < (environment.sessions ?? Number.POSITIVE_INFINITY); index++) {
    const session = environment.session(index, seed)
    const observation = session.reset()
    if (!observation.done) return { session, observation, index }
  }
  throw new FeedloopError('RECORD_INVALID', `index ${from}: ${environment.name} has ${environment.sessions} sessions`)
}

function refuseSlate(slate: readonly string[], { slots, candidates }: Observation, items: readonly string[]): void {
  const refuse = (detail: string): never => {
    throw new FeedloopError('RECORD_INVALID', `slate: ${detail}`)
  }
  if (slate.length < 1 || slate.length > slots) refuse(`${slate.length} items, 1 to ${slots} can be shown`)
  if (new Set(slate).size < slate.length) refuse('an item twice')
  const other = slate.find(item => !(candidates ?? items).includes(item))
  if (other !== undefined) refuse(`${other} may not be shown now`)
}

/** The scalar reward of what came of a slate, as the learner of the policy has it. */
function createRewards(policy: PolicyConfig) {
  const weightOf = componentWeights(policy.rewards)
  return (acts: readonly Act[], slate: readonly string[]): number => {
    const inOrder = [...acts].sort((a, b) => a.delayMs - b.delayMs)
    const outcomes = inOrder.map((act, i) => ({
      id: String(i),
      type: act.type,
      slot: slate.indexOf(act.itemId ?? ''),
      value: act.value,
      timeMs: act.delayMs,
      parts: 1,
    }))
    const sum = Object.entries(rewardOf(outcomes, policy)).reduce(
      (all, [name, value]) => all + weightOf(name) * value,
      0,
    )
    return mapped(sum, policy.rewardRange)
  }
}
