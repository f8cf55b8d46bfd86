/**
 * From a model version to a policy, whatever the algorithm. A loader is fed every version of one policy in log order
 * and keeps the last few, because an increment builds on the version before it. A version that does not load is
 * refused with a code and changes nothing; increments on top of it are refused too, until the next full checkpoint.
 */
import type { ModelVersion } from '../../schemas/records.ts'
import type { PolicyConfig } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import { splitMembers } from '../learner/ensemble/parts.ts'
import { componentsOf } from '../learner/linear/checkpoint.ts'
import { decodeMoments, type Moments, sumOfSquares } from '../learner/linear/moments.ts'
import { rewardWeights } from '../learner/neural-linear/head.ts'
import { LEAST, leastWeight, mappedChange, type RewardRange } from '../learner/reward-range.ts'
import { loadClassifier } from './classifier.ts'
import { loadDqn } from './dqn.ts'
import { loadBagged } from './ensemble.ts'
import { type ComponentWeights, loadLinear } from './linear.ts'
import { headOf, loadNeuralLinear } from './neural-linear.ts'
import type { Learned, Loading, Policy, PolicyLoader } from './policy.ts'
import { loadSlateQ } from './slate-q.ts'
import { loadTwoTower } from './two-tower.ts'

/** Versions kept as a base for increments. */
const KEPT = 4

/** Weight of each component in the scalar reward, its range applied. */
export const componentWeights =
  (rewards: PolicyConfig['rewards'], range?: RewardRange): ComponentWeights =>
  component =>
    component === LEAST ? leastWeight(range) : mappedChange(rewards[component]?.weight ?? 1, range)

/** @param before the policy of `model.base_version`; for a full checkpoint the one that was loaded last, which tells only for what
 * items policies are asked */
type Load = (model: ModelVersion, before: Policy | undefined, weightOf: ComponentWeights) => Loading

const load: Readonly<Record<PolicyConfig['algorithm'], Load>> = {
  'linear-gaussian': loadLinear,
  'bagged-linear': loadBagged,
  'neural-linear': loadNeuralLinear,
  'two-tower': loadTwoTower,
  'v-trace': loadTwoTower,
  reinforce: loadTwoTower,
  ppo: loadTwoTower,
  a3c: loadTwoTower,
  dqn: loadDqn,
  'slate-q': loadSlateQ,
  classifier: loadClassifier,
}

type Tell = (model: ModelVersion, weightOf: ComponentWeights) => Learned | undefined

/** What a version's sums tell; nothing: scores are logits. */
const learned: Readonly<Record<PolicyConfig['algorithm'], Tell>> = {
  'linear-gaussian': learnedBy,
  'bagged-linear': (model, weightOf) => learnedBy(splitMembers(model)[0], weightOf),
  'neural-linear': (model, weightOf) => learnedBy(headOf(model), rewardWeights(weightOf)),
  'two-tower': () => undefined,
  'v-trace': () => undefined,
  reinforce: () => undefined,
  ppo: () => undefined,
  a3c: () => undefined,
  dqn: () => undefined,
  'slate-q': () => undefined,
  classifier: () => undefined,
}

export function createPolicyLoader(config: PolicyConfig): PolicyLoader {
  const kept = new Map<string, Policy>()
  const weightOf = componentWeights(config.rewards, config.rewardRange)
  const loader: PolicyLoader = {
    load: model => finish(loader.loading(model)),
    *loading(model) {
      if (model.algorithm !== config.algorithm)
        throw new FeedloopError(
          'MODEL_INCOMPATIBLE',
          `version ${model.version} of policy ${model.policy} is ${model.algorithm}, configured is ${config.algorithm}`,
        )
      const base = model.base_version === null ? undefined : kept.get(model.base_version)
      if (model.base_version !== null && !base)
        throw new FeedloopError(
          'MODEL_INCOMPATIBLE',
          `version ${model.version} builds on ${model.base_version}, which is not known here: wait for a full checkpoint`,
        )
      const policy = yield* load[config.algorithm](model, base ?? [...kept.values()].at(-1), weightOf)
      kept.set(model.version, policy)
      if (kept.size > KEPT) kept.delete(kept.keys().next().value!)
      const told = learned[config.algorithm](model, weightOf)
      return told ? { ...policy, learned: told } : policy
    },
  }
  return loader
}

/** All pieces at once. */
export function finish<T>(pieces: Generator<void, T>): T {
  for (;;) {
    const { done, value } = pieces.next()
    if (done) return value
  }
}

function learnedBy({ parameters }: ModelVersion, weightOf: ComponentWeights): Learned {
  const weights = componentsOf(parameters).map(([component]) => weightOf(component))
  return learnedFrom(decodeMoments(parameters), parameters.read_scale, weights)
}

/** @param scale of the sums when read @param weights of the reward's components, by index */
export const learnedFrom = (moments: Moments, scale: number, weights: readonly number[]): Learned => ({
  decisions: scale * moments.weight,
  rewardScale: Math.sqrt(sumOfSquares(moments, weights) / moments.weight) || 1,
})

/** One self-contained checkpoint, loaded. @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE */
export const loadPolicy = (model: ModelVersion, config: PolicyConfig): Policy => createPolicyLoader(config).load(model)
