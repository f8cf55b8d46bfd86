/** What a policy is worth in an environment: exactly where the world is finite, else by playing. */
import type { Config } from '../config.ts'
import type { Environment, FiniteWorld, Observation } from '../environments/environment.ts'
import { finiteReturn } from '../environments/finite.ts'
import { vectorise } from '../environments/vector.ts'
import type { Policy } from '../models/policy.ts'
import type { Exploration } from '../ranker/explorers/explorer.ts'
import { createExplorer } from '../ranker/explorers/named.ts'
import { initialExplorer, initialScorer } from '../ranker/initial.ts'
import { createStateEncoder } from '../state/encode.ts'
import { createRandom, seedOf } from '../state/random.ts'
import { noSnapshot } from '../state/user.ts'
import { createActor, enter } from './actor.ts'

/**
 * J of the policy with the configured explorer, by the Bellman equations. The state may be made of the request's context only, which is
 * what a finite world tells of it.
 * @param policy null: the initial one
 */
export function exactReturn(environment: Environment, config: Config, policy: Policy | null): number {
  const world = environment.finite
  if (!world) throw new RangeError(`${environment.name} is no finite world`)
  const chances = slateChances(environment, world, config, policy)
  return finiteReturn(world, chances)
}

/** Probability of each slate of the world, by index, before a decision. Slates are sets: their order is left out. */
export function slateChances(
  environment: Environment,
  { slates }: FiniteWorld,
  config: Config,
  policy: Policy | null,
): (observation: Observation) => Float64Array {
  const [configured] = config.policies
  const { features } = createActor(config, environment)
  const encoder = createStateEncoder(config)
  const explorer = policy ? createExplorer(configured.explorer) : initialExplorer(configured)
  const items = environment.items().map(({ item_id }) => item_id)
  const indexOf = new Map(slates.map((slate, i) => [keyOf(slate), i]))
  return ({ context, candidates, slots }) => {
    const itemIds = candidates ?? items
    const vectors = itemIds.map(itemId => features.vector(itemId, 1)!)
    const state = encoder.encode({ ...noSnapshot, context }, features.vector)
    const scorer = policy ? policy.scorer(state, { itemIds, vectors }) : initialScorer({ baseline: null }, itemIds)
    const exploration = explorer.open(scorer, createRandom(seedOf('exact')), policy?.learned)
    const chances = new Float64Array(slates.length)
    eachSlate(exploration, itemIds.length, slots, (slate, probability) => {
      const index = indexOf.get(keyOf(slate.map(candidate => itemIds[candidate])))
      if (index === undefined) throw new RangeError(`${environment.name} does not know a slate of ${slate.length}`)
      chances[index] += probability
    })
    return chances
  }
}

const keyOf = (slate: readonly string[]): string => [...slate].sort().join('\0')

/** Hands out every ordered slate with its probability, the product of its slots' conditionals. */
function eachSlate(
  exploration: Exploration,
  count: number,
  slots: number,
  take: (slate: readonly number[], probability: number) => void,
  before: readonly number[] = [],
  probability = 1,
): void {
  if (before.length === Math.min(slots, count)) {
    take(before, probability)
    return
  }
  const available = new Uint8Array(count).fill(1)
  for (const candidate of before) available[candidate] = 0
  const out = new Float64Array(count)
  exploration.conditional(available, out)
  out.forEach((p, candidate) => {
    if (p > 0) eachSlate(exploration, count, slots, take, [...before, candidate], probability * p)
  })
}

export interface Sampled {
  /** Mean of Σ_t γ^t (true expected reward)_t of a session as far as it is observed. */
  readonly mean: number
  readonly standardError: number
}

/** J by playing whole sessions, without learning; those without a decision are none. @param policy null: the initial one */
export function sampledReturn(
  environment: Environment,
  config: Config,
  policy: Policy | null,
  { episodes, seed }: { readonly episodes: number; readonly seed: number },
): Sampled {
  const actor = createActor(config, environment)
  actor.policy = policy
  const returns: number[] = []
  for (let index = 0; index < episodes; index++) {
    const vector = vectorise({ ...environment, sessions: index + 1 }, 1, seed, index)
    if (!vector.lanes[0]) continue
    let user = enter(actor, vector.lanes[0], 0)
    let [sum, weight] = [0, 1]
    for (let timeMs = 1000; vector.lanes[0]; timeMs += 1000) {
      const lane = vector.lanes[0]
      const decided = actor.decide(lane, user, timeMs)
      const [transition] = vector.step([decided.decision.slots.map(({ item_id }) => item_id)])
      const { outcomes, expectedReward, next } = transition!
      sum += weight * expectedReward
      weight *= environment.discount ?? 1
      user = actor.see(decided.user, lane, [...outcomes, ...next.organic], timeMs)
    }
    returns.push(sum)
  }
  const mean = returns.reduce((total, each) => total + each, 0) / returns.length
  const variance = returns.reduce((total, each) => total + (each - mean) ** 2, 0) / (returns.length - 1)
  return { mean, standardError: Math.sqrt(variance / returns.length) }
}
