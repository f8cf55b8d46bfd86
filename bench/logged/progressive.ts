/**
 * One pass over a log: what a policy would do at each decision, asked before it learns it. Through the code of the running
 * services (state encoder, warm start's transitions, learner, explorer), one decision a version.
 */
import type { ModelVersion } from '../../schemas/records.ts'
import { type ConfigInput, type PolicyConfig, parseConfig } from '../../src/config.ts'
import { merge } from '../../src/demo/merge.ts'
import { createLive, type Live } from '../../src/evaluation/bakeoff/live-learner.ts'
import { hashedVector } from '../../src/features/hashed.ts'
import { createFeatureStore, vectorToBytes } from '../../src/features/store.ts'
import { createLearner } from '../../src/learner/create.ts'
import { createExampleEncoder } from '../../src/learner/examples.ts'
import { loadTensorFlow } from '../../src/learner/tensorflow.ts'
import { type Catalogue, type LoggedRow, transitionsOf } from '../../src/learner/warm-start.ts'
import { componentWeights, createPolicyLoader } from '../../src/models/load.ts'
import type { Policy } from '../../src/models/policy.ts'
import { argmax } from '../../src/ranker/explorers/explorer.ts'
import { createExplorer } from '../../src/ranker/explorers/named.ts'
import { createStateEncoder, type StateEncoder } from '../../src/state/encode.ts'
import { createRandom, seedOf } from '../../src/state/random.ts'
import type { LoggedDecision } from './read.ts'

export type Algorithm = PolicyConfig['algorithm']

export interface Pass {
  /** Probability of what was taken, by decision: of the policy with its explorer, and of its best action alone. */
  readonly exploring: readonly number[]
  readonly greedy: readonly number[]
  readonly cpuMsPerDecision: number
}

/** @param data description of the data, e.g. how wide its context is hashed */
export async function passOver(
  logged: readonly LoggedDecision[],
  algorithm: Algorithm,
  data: ConfigInput,
): Promise<Pass> {
  const explorer = algorithm === 'two-tower' ? { name: 'softmax' as const } : {}
  const policies = [{ algorithm, explorer, rewards: { saved: { value: 'value' as const } }, warmStart }]
  const config = parseConfig(merge(data, { policies }))
  const [policy] = config.policies
  const encoder = createStateEncoder(config)
  const features = catalogueOf(logged, config.features.dimensions)
  const { dimensions } = config.features
  const { learner, live } = await served(algorithm, policy, encoder, config)
  const examples = createExampleEncoder({
    encoder,
    dimensions,
    usesCandidates: true,
    weightOf: componentWeights(policy.rewards),
  })
  const chooser = createExplorer(policy.explorer)
  const { transitions } = transitionsOf({ digest: '', refused: {}, rows: logged.map(toRow) }, config, policy, features)
  const exploring: number[] = []
  const greedy: number[] = []
  const begun = process.cpuUsage()
  for (const transition of transitions) {
    const example = examples.encode(transition, features)
    if (typeof example === 'string') throw new Error(`no vector ${example}`)
    const itemIds = transition.candidates.map(each => each.item_id)
    const scorer = live().scorer(example.state, { itemIds, vectors: example.candidates })
    const available = new Uint8Array(itemIds.length).fill(1)
    const chances = new Float64Array(itemIds.length)
    const random = createRandom(seedOf(transition.decision_id))
    chooser.open(scorer, random, live().learned).conditional(available, chances)
    exploring.push(chances[example.action])
    greedy.push(argmax(scorer.mean, available) === example.action ? 1 : 0)
    learner.learn([example])
  }
  const { user, system } = process.cpuUsage(begun)
  return { exploring, greedy, cpuMsPerDecision: (user + system) / 1000 / logged.length }
}

const warmStart = { data: 'log', mapping: 'log', propensity: 'probability' }

/** A cost is a reward with the other sign. */
function toRow({ context, actions, taken, cost, probability }: LoggedDecision, index: number): LoggedRow {
  const place = { user_id: String(index), session_id: null, time_ms: index * 1000 }
  const outcome = { item_id: actions[taken], slot: null, type: 'saved', slate_hash: null, value: -cost }
  return {
    request: {
      ...place,
      request_id: String(index),
      policy: 'default',
      deadline_ms: null,
      slots: 1,
      context: { ...context, [warmStart.propensity]: probability },
      candidates: actions,
      baseline: [actions[taken]],
      excluded: null,
      pinned: null,
      deferred: false,
      explain: false,
    },
    events: [{ ...place, ...outcome, event_id: String(index), decision_id: String(index) }],
  }
}

interface Served {
  readonly learner: Live['learner']
  readonly live: () => Policy
}

/** The two towers serve from what they publish, after every decision. */
async function served(
  algorithm: Algorithm,
  policy: PolicyConfig,
  encoder: StateEncoder,
  config: Parameters<typeof createLearner>[0],
): Promise<Served> {
  if (algorithm !== 'two-tower') {
    const tensorflow = algorithm === 'neural-linear' ? await loadTensorFlow() : undefined
    const { learner, live } = createLive(config, encoder, componentWeights(policy.rewards), tensorflow)
    return { learner, live: () => live }
  }
  const learner = await createLearner(config, policy, encoder)
  const loader = createPolicyLoader(policy)
  const load = () => loader.load(versionOf(learner.snapshot('live', true), policy))
  let current = load()
  return {
    learner: {
      ...learner,
      learn(batch) {
        const stats = learner.learn(batch)
        current = load()
        return stats
      },
    },
    live: () => current,
  }
}

const versionOf = (
  { baseVersion, parameters, tensors }: ReturnType<Live['learner']['snapshot']>,
  { name, algorithm, explorer }: PolicyConfig,
): ModelVersion => ({
  version: 'live',
  parent: null,
  policy: name,
  algorithm,
  explorer: explorer.name,
  parameters,
  config_hash: '',
  warm_start: '',
  created_ms: 0,
  newest_reward_ms: 0,
  outcome_times_ms: [],
  transitions: 0,
  contains: [],
  metrics: {},
  base_version: baseVersion,
  tensors,
})

function catalogueOf(logged: readonly LoggedDecision[], dimensions: number): Catalogue {
  const store = createFeatureStore()
  for (const item_id of new Set(logged.flatMap(({ actions }) => actions)))
    store.put({
      feature_key: `${item_id}@1`,
      item_id,
      feature_version: 1,
      encoder_version: 'bench',
      vector: vectorToBytes(hashedVector({ id: item_id, text: null, attributes: {} }, dimensions)),
      attributes: {},
      available: true,
      time_ms: 0,
    })
  return store
}
