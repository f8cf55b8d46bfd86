/**
 * From a logged transition to numbers. The state goes through the one encoder and every vector is that of the version
 * that the decision logged, so training sees exactly what serving saw. A vector that is not known yet is not replaced
 * by another: the caller waits for it or refuses the transition.
 */
import type { Candidate } from '../../schemas/records.ts'
import type { FeatureStore } from '../features/store.ts'
import type { StateEncoder, VectorLookup } from '../state/encode.ts'
import type { Example } from './learner.ts'
import { mapped, mappedChange, type RewardRange, withLeast } from './reward-range.ts'
import type { LearnedTransition } from './wire.ts'

/** What is known of items' vectors. */
export type Vectors = Pick<FeatureStore, 'vector'> & Partial<Pick<FeatureStore, 'current'>>

export interface ExampleEncoder {
  /** @returns the example, or the key `item@version` of a vector that is not known */
  encode(transition: LearnedTransition, features: Vectors): Example | string
}

export interface ExampleOptions {
  readonly encoder: StateEncoder
  /** Length of candidate vectors. */
  readonly dimensions: number
  /** False: candidate vectors and next states are not looked up. */
  readonly usesCandidates: boolean
  /** True: those of the next decision are. Default false. */
  readonly usesNextCandidates?: boolean
  /** Weight of a component in the scalar reward, before its range. */
  readonly weightOf: (component: string) => number
  readonly range?: RewardRange
}

/** Those that could be drawn, since the choice was made among them, and what was shown: a pinned item is masked. */
export function openTo({ candidates, masked, action }: LearnedTransition): readonly Candidate[] {
  if (masked.length === 0) return candidates!
  const isMasked = new Set(masked)
  return candidates!.filter(({ item_id }, i) => !isMasked.has(i) || item_id === action[0])
}

/** Those that the next decision could show; null: none are known. */
export function openNext({ next_candidates, next_masked = [] }: LearnedTransition): readonly Candidate[] | null {
  if (!next_candidates || next_masked.length === 0) return next_candidates ?? null
  const isMasked = new Set(next_masked)
  return next_candidates.filter((_, i) => !isMasked.has(i))
}

export function createExampleEncoder(options: ExampleOptions): ExampleEncoder {
  const { encoder, usesCandidates, weightOf, range } = options
  const zeros = new Float32Array(options.dimensions)
  const scalar = (components: Readonly<Record<string, number>>): number => {
    const names = Object.keys(components)
    if (names.length > 1) names.sort()
    return names.reduce((sum, component) => sum + weightOf(component) * components[component], 0)
  }
  return {
    encode(transition, features) {
      let missing: string | undefined
      const known: VectorLookup = (itemId, version) => {
        if (version === 0) return undefined
        const vector = features.vector(itemId, version)
        if (!vector) missing ??= `${itemId}@${version}`
        return vector
      }
      const vectorOf = (candidate: Candidate) => known(candidate.item_id, candidate.feature_version) ?? zeros
      const candidates = usesCandidates ? openTo(transition) : []
      const example: Example = {
        transition: withLeast(transition, range),
        state: encoder.encode(transition.state, known),
        candidates: candidates.map(vectorOf),
        item: features.current?.(transition.action[0])?.vector,
        action: candidates.findIndex(candidate => candidate.item_id === transition.action[0]),
        nextState: usesCandidates && transition.next_state ? encoder.encode(transition.next_state, known) : null,
        nextCandidates: options.usesNextCandidates ? (openNext(transition)?.map(vectorOf) ?? null) : null,
        deltaReward:
          transition.kind === 'initial'
            ? mapped(scalar(transition.delta), range)
            : mappedChange(scalar(transition.delta), range),
        reward: mapped(scalar(transition.cumulative), range),
      }
      return missing ?? example
    },
  }
}
