/** From transitions to numbers, in one process. */
import type { Config } from '../config.ts'
import type { FeatureStore } from '../features/store.ts'
import { createExampleEncoder } from '../learner/examples.ts'
import type { Example, Learner } from '../learner/learner.ts'
import type { LearnedTransition } from '../learner/wire.ts'
import { createStateEncoder } from '../state/encode.ts'

/** @param features where every vector is that the transitions name */
export function encoderOf(
  config: Config,
  learner: Pick<Learner, 'usesCandidates' | 'usesNextCandidates'>,
  features: FeatureStore,
): (transition: LearnedTransition) => Example {
  const [{ rewards, rewardRange }] = config.policies
  const examples = createExampleEncoder({
    encoder: createStateEncoder(config),
    dimensions: config.features.dimensions,
    usesCandidates: learner.usesCandidates,
    usesNextCandidates: learner.usesNextCandidates ?? false,
    weightOf: component => rewards[component]?.weight ?? 1,
    range: rewardRange,
  })
  return transition => {
    const example = examples.encode(transition, features)
    if (typeof example === 'string') throw new RangeError(`no vector ${example}`)
    return example
  }
}
