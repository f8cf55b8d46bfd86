/** CPU a decision of the default learner on decoded transitions: learned only, and scored, explored and learned. */
import type { ModelVersion, Transition } from '../../schemas/records.ts'
import { type Config, type ConfigInput, parseConfig } from '../../src/config.ts'
import { createFeatureStore } from '../../src/features/store.ts'
import { createLearner } from '../../src/learner/create.ts'
import { createExampleEncoder } from '../../src/learner/examples.ts'
import type { Example } from '../../src/learner/learner.ts'
import { createLearnerStage, type LearnerState } from '../../src/learner/step.ts'
import { createPolicyLoader } from '../../src/models/load.ts'
import { createExplorer } from '../../src/ranker/explorers/named.ts'
import { sampleSlate } from '../../src/ranker/slate.ts'
import type { Input, Stage } from '../../src/stage.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { createRandom, seedOf } from '../../src/state/random.ts'

/** Transitions of one step, as many as come in a second. */
const STEP = 10_000

/** Times that the decisions are gone over, so that just-in-time compilation weighs as it does in a process that stays. */
const PASSES = 10

/** φ has d dimensions: the bias and the hashed context. */
export const settingsOf = (d: number): ConfigInput => ({
  state: { blocks: ['context'], contextDimensions: d - 1 },
  features: { dimensions: 8 },
})
export const configOf = (d: number): Config => parseConfig(settingsOf(d))

/** CPU µs a decision, all threads. */
export async function measureSpeed(transitions: readonly Transition[], d: number) {
  const config = configOf(d)
  return { d, learn: await learnOnly(config, transitions), decideAndLearn: await decideAndLearn(config, transitions) }
}

async function learnOnly(config: Config, transitions: readonly Transition[]): Promise<number> {
  const { learner, encode } = await learnerOf(config)
  const run = () => {
    for (const step of stepsOf(transitions, PASSES)) learner.learn(step.map(encode))
  }
  return cpuMicrosOf(run) / transitions.length / PASSES
}

/** Decisions of a step are scored with the version that the step before published, as in production. */
async function decideAndLearn(config: Config, transitions: readonly Transition[]): Promise<number> {
  const [policy] = config.policies
  const stage: Stage<LearnerState, never> = createLearnerStage(config, policy) as never
  const state = await stage.open(0)
  const explorer = createExplorer(policy.explorer)
  const loader = createPolicyLoader(policy)
  const { encode } = await learnerOf(config)
  const view = { features: createFeatureStore(), caughtUp: true } as never
  let served: ReturnType<typeof loader.load> | undefined
  const run = () => {
    let timeMs = 0
    for (const step of stepsOf(transitions, 1)) {
      if (served) for (const transition of step) decide(served, encode(transition))
      const { outputs } = stage.step(state, step.map(toInput), { timeMs: ++timeMs, watermarkMs: timeMs }, view)
      served = loader.load(outputs[0].value as ModelVersion)
    }
  }
  const decide = (version: NonNullable<typeof served>, { state: encoded, transition }: Example) => {
    const itemIds = transition.candidates!.map(each => each.item_id)
    const random = createRandom(seedOf(transition.decision_id))
    const exploration = explorer.open(version.scorer(encoded, { itemIds, vectors: [] }), random, version.learned)
    return sampleSlate(exploration, random, itemIds.length, 1)
  }
  return cpuMicrosOf(run) / transitions.length
}

function* stepsOf(transitions: readonly Transition[], passes: number): Iterable<readonly Transition[]> {
  for (let pass = 0; pass < passes; pass++)
    for (let from = 0; from < transitions.length; from += STEP) yield transitions.slice(from, from + STEP)
}

const toInput = (value: Transition, offset: number): Input<Transition> => ({
  topic: 'transitions',
  partition: 0,
  offset,
  key: value.user_id,
  value,
  timestampMs: 0,
  headers: {},
})

async function learnerOf(config: Config) {
  const encoder = createStateEncoder(config)
  const learner = await createLearner(config, config.policies[0], encoder)
  const { usesCandidates } = learner
  const { dimensions } = config.features
  const examples = createExampleEncoder({ encoder, dimensions, usesCandidates, weightOf: () => 1 })
  const encode = (transition: Transition): Example =>
    examples.encode(transition, { vector: () => undefined }) as Example
  return { learner, encode }
}

function cpuMicrosOf(run: () => void): number {
  const begun = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(begun)
  return user + system
}
