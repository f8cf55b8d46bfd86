/**
 * A learner in an environment in event time: decisions at an even pace, outcomes when they happen, each as a revision of
 * its own, as the joiner would write it. In process, through the ranker's `decide` and the shipped defaults.
 */
import type { Recommendation, Transition } from '../../../schemas/records.ts'
import { type Config, type ConfigInput, parseConfig } from '../../config.ts'
import { merge } from '../../demo/merge.ts'
import type { Act, Environment } from '../../environments/environment.ts'
import { requestOf } from '../../environments/in-process.ts'
import { createFeatureStore } from '../../features/store.ts'
import { createLinear } from '../../learner/create.ts'
import type { Example, Learner } from '../../learner/learner.ts'
import type { LinearLearner } from '../../learner/linear/learner.ts'
import { onState } from '../../learner/revision.ts'
import { weighing } from '../../learner/weighing.ts'
import { livePolicy } from '../../models/live.ts'
import { componentWeights } from '../../models/load.ts'
import type { Policy } from '../../models/policy.ts'
import { createDecide, type RankerView } from '../../ranker/decide.ts'
import { createStateEncoder } from '../../state/encode.ts'
import { newUser } from '../../state/user.ts'
import { firstRevision, transitionOf } from '../../transitions/transition.ts'

export interface RunOptions {
  readonly environment: Environment
  readonly decisions: number
  readonly seed: number
  /** Time between two decisions, ms. */
  readonly paceMs: number
  /** Weigh by delays, by positions; none: the naive learner. */
  readonly delays: boolean
  readonly positions: boolean
  /** Decisions between two versions of the policy. */
  readonly publishEvery?: number
  readonly overrides?: ConfigInput
  /** Chooses in the place of the policy, to collect a log. */
  readonly slate?: (decision: number) => readonly string[]
}

export interface Run {
  /** True expected reward of what was shown, by decision. */
  readonly rewards: Float64Array
  readonly policy: Policy
  readonly config: Config
  readonly learner: Learner
}

interface Outcome {
  readonly timeMs: number
  readonly act: Act
  readonly slot: number
  readonly shown: readonly Example[]
}

export function run(options: RunOptions): Run {
  const { environment, decisions, seed, paceMs, delays, positions, publishEvery = 50 } = options
  const config = parseConfig(merge(environment.preset, options.overrides))
  const [policy] = config.policies
  const encoder = createStateEncoder(config)
  const linear = createLinear(policy, encoder)
  const weights = Object.fromEntries(Object.entries(policy.rewards).map(([type, { weight }]) => [type, weight]))
  const windowMs = delays ? policy.attributionWindowMs : 0
  const learner = delays || positions ? weighing(linear, { windowMs, weights, positions, maxWaiting: 1e6 }) : linear
  const served = livePolicy(linear as LinearLearner, componentWeights(policy.rewards))
  const decide = createDecide(config)
  const view: RankerView = {
    features: catalogue(environment, config.features.dimensions),
    catalogueReady: true,
    serving: () => ({ policy: served, releaseVersion: 'live', mode: 'online', evidence: {} }),
  }
  const rewards = new Float64Array(decisions)
  const coming: Outcome[] = []
  let batch: Example[] = []
  let made = 0
  for (let index = 0; made < decisions; index++) {
    const session = environment.session(index, seed)
    for (let observation = session.reset(); !observation.done && made < decisions; ) {
      const timeMs = made * paceMs
      while (coming.length > 0 && coming[0].timeMs <= timeMs) batch.push(revisionOf(takeFirst(coming)))
      if (made % publishEvery === 0) {
        learner.learn(batch)
        batch = []
      }
      const request = requestOf(session, observation, policy.name, timeMs, `${seed}/${session.userId}/${made}`)
      const decided = decide(request, newUser, timeMs, view).recommendation
      const recommendation = options.slate ? showing(decided, options.slate(made)) : decided
      const shown = recommendation.slots.map(slot => slot.item_id)
      const { outcomes, expectedReward, next } = session.step(shown)
      rewards[made++] = expectedReward
      const state = encoder.encode(recommendation.state, view.features.vector)
      const examples = shown.map((_, slot) => exampleOf(recommendation, slot, state))
      batch.push(...examples)
      for (const act of outcomes)
        insert(coming, {
          timeMs: timeMs + act.delayMs,
          act,
          slot: act.itemId === null ? -1 : shown.indexOf(act.itemId),
          shown: examples,
        })
      observation = next
    }
  }
  learner.learn([...batch, ...coming.map(revisionOf)])
  return { rewards, policy: served, config, learner }
}

const exampleOf = (recommendation: Recommendation, slot: number, state: Float64Array): Example =>
  onState(transitionOf(recommendation, slot, firstRevision) as Transition, state)

function revisionOf({ timeMs, act, slot, shown }: Outcome): Example {
  const example = shown[slot]
  const reward = { [act.type]: act.value ?? 1 }
  const said = {
    kind: 'reward' as const,
    examined: 'yes' as const,
    delta: reward,
    cumulative: reward,
    reward_time_ms: timeMs,
  }
  return { ...example, transition: { ...example.transition, revision: 1, ...said } }
}

/** The same decision with another slate, whose propensities nobody knows. */
const showing = (decided: Recommendation, items: readonly string[]): Recommendation => ({
  ...decided,
  propensity_kind: 'unknown',
  slots: items.map((item_id, position) => ({ ...decided.slots[position], item_id, position })),
})

/** A heap by time. */
function insert(heap: Outcome[], outcome: Outcome): void {
  let at = heap.push(outcome) - 1
  while (at > 0 && heap[(at - 1) >> 1].timeMs > outcome.timeMs) {
    heap[at] = heap[(at - 1) >> 1]
    at = (at - 1) >> 1
  }
  heap[at] = outcome
}

function takeFirst(heap: Outcome[]): Outcome {
  const top = heap[0]
  const last = heap.pop()!
  if (heap.length === 0) return top
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && heap[child + 1].timeMs < heap[child].timeMs) child++
    if (heap[child].timeMs >= last.timeMs) break
    heap[at] = heap[child]
    at = child
  }
  heap[at] = last
  return top
}

function catalogue(environment: Environment, dimensions: number) {
  const store = createFeatureStore()
  for (const { item_id } of environment.items())
    store.put({
      item_id,
      feature_version: 1,
      feature_key: `${item_id}@1`,
      encoder_version: 'none',
      vector: Buffer.alloc(4 * dimensions),
      attributes: {},
      available: true,
      time_ms: 0,
    })
  return store
}
