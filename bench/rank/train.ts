/**
 * The policy that is served: the shipped default learner, fed with the transitions of random decisions in this world, so
 * that scores, factors and what is known of an item are those of a model that has learned.
 */
import type { ModelVersion, Release, Transition } from '../../schemas/records.ts'
import type { Config } from '../../src/config.ts'
import type { FeatureStore } from '../../src/features/store.ts'
import { createLearnerStage } from '../../src/learner/step.ts'
import type { Input } from '../../src/stage.ts'
import { createRandom } from '../../src/state/random.ts'
import { firstRevision } from '../../src/transitions/transition.ts'
import { HISTORY, itemName, popular, USERS, userName } from './world.ts'

const FIRST = 20_000
/** As many as come between two versions at 500 a second. */
const MORE = 500

/** Versions in order: the first of 20,000 decisions, each other of 500 more.
 * @param features the catalogue, whose vectors are learned from */
export async function trainVersions(config: Config, features: FeatureStore, count: number): Promise<ModelVersion[]> {
  const stage = createLearnerStage(config, config.policies[0])
  const state = await stage.open(0)
  const makeTransition = transitions(features)
  let offset = 0
  return Array.from({ length: count }, (_, version) => {
    const inputs = Array.from({ length: version === 0 ? FIRST : MORE }, () => toInput(makeTransition(offset), offset++))
    const timeMs = Date.now()
    const { outputs } = stage.step(state, inputs, { timeMs, watermarkMs: timeMs }, { features, caughtUp: true })
    return outputs[0].value as ModelVersion
  })
}

/** As the gate writes it: all traffic to one version. */
export const releaseOf = ({ version, policy, created_ms }: ModelVersion): Release => ({
  release_version: version,
  policy,
  time_ms: created_ms,
  shares: [{ model_version: version, share: 1, follows: true }],
  mode: 'online',
  reason: 'promoted',
  refused_version: null,
  evidence: { version },
})

const toInput = (value: Transition, offset: number): Input<Transition> => ({
  topic: 'transitions',
  partition: 0,
  offset,
  key: value.user_id,
  value,
  timestampMs: 0,
  headers: {},
})

/** A click is the likelier the more the item is like what the person had before. */
function transitions(features: FeatureStore): (index: number) => Transition {
  const random = createRandom(3)
  const item = () => features.current(itemName(popular(random, features.size)))!
  return index => {
    const past = Array.from({ length: HISTORY }, item)
    const action = item()
    const likeness = past.reduce((sum, { vector }) => sum + cosineLike(vector, action.vector), 0) / HISTORY
    const click = random.uniform() < 0.1 + 0.3 * Math.max(0, likeness)
    const reward: Record<string, number> = click ? { click: 1 } : {}
    const timeMs = Date.now() - 1000
    return {
      ...firstRevision,
      transition_id: `d${index}/0`,
      decision_id: `d${index}`,
      slot: 0,
      slots: 1,
      policy: 'default',
      user_id: userName(Math.floor(random.uniform() * USERS)),
      session_id: `s${index}`,
      session_step: 0,
      state: {
        profile_version: 0,
        profile: null,
        history: past.map((each, age) => ({
          item_id: each.itemId,
          feature_version: each.featureVersion,
          type: 'click',
          age_ms: 60_000 * (age + 1),
          value: 1,
        })),
        counts: { click: HISTORY },
        context: { device: 'phone', hour: Math.floor(24 * random.uniform()) },
      },
      candidates: [
        {
          item_id: action.itemId,
          feature_version: action.featureVersion,
          source: 'request',
          inclusion_probability: 1,
        },
      ],
      action: [action.itemId],
      propensity: 0.05,
      first_draw_propensity: 0.05,
      propensity_kind: 'exact',
      mode: 'online',
      chosen_by: 'policy',
      masked: [],
      delta: reward,
      cumulative: reward,
      model_version: '',
      weight: 1,
      decision_time_ms: timeMs,
      reward_time_ms: click ? timeMs + 1 : null,
      emitted_time_ms: timeMs + 2,
    }
  }
}

function cosineLike(a: Float32Array, b: Float32Array): number {
  let product = 0
  let [squareA, squareB] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    product += a[i] * b[i]
    squareA += a[i] ** 2
    squareB += b[i] ** 2
  }
  return product / Math.sqrt(squareA * squareB)
}
