/** What the linear-Gaussian learner holds, and the settings that it was made with. */
import type { Block } from './block.ts'
import { type Changes, createChanges } from './changes.ts'
import type { DecayClock } from './decay.ts'
import { createFeatureMap, type FeatureMap, type FeatureOptions, type NumberRange, unknownScale } from './features.ts'
import { createMoments, type Moments } from './moments.ts'
import type { Prior } from './posterior.ts'
import { groupsOf, type Hyper, priorOf, startHyper } from './prior.ts'
import { createWarmUp, type WarmUp } from './warm-up.ts'

export interface LinearOptions {
  readonly features: FeatureOptions
  /** Decisions from which the feature map is found. */
  readonly warmUpDecisions: number
  /** λ: of the prior until there is something to estimate it from, and the centre of the hyperprior after. */
  readonly priorPrecision: number
  /** The prior is estimated from the items (prior.ts), for the scalar reward of these weights by component; absent: it
   * stays as configured, around 0. */
  readonly estimate?: (component: string) => number
  /** Weight of a component in the scalar reward whose shortfalls make the learner forget (changes.ts); absent: none do. */
  readonly watch?: (component: string) => number
  /** E w² / E w of the weights that decisions come with, by which sums are noisier than of decisions that count 1; absent: 1. */
  readonly dispersion?: number
  /** Where the state holds the mean of a person's history, for a prior that is estimated: items' vectors are of this length. Absent:
   * it holds none, or their vectors say nothing of it. */
  readonly history?: NumberRange
  readonly maxItems: number
  /** 0: nothing is forgotten. */
  readonly halfLifeMs: number
  /** A full checkpoint must fit in this many bytes: caps the blocks beside `maxItems`. */
  readonly maxCheckpointBytes: number
}

export interface State {
  readonly options: LinearOptions
  map: FeatureMap
  warmUp: WarmUp
  moments: Moments
  hyper: Hyper
  prior: Prior
  /** Decisions learned, and at how many the prior is estimated next. */
  decisions: number
  nextEstimate: number
  priorChanged: boolean
  readonly clock: DecayClock
  /** Oldest decision time learned, ms; -1: none. */
  firstMs: number
  changes: Changes
  readonly blocks: Map<string, Block>
  readonly components: Map<string, number>
  /** Of item vectors; 0: none has come. */
  contentLength: number
  /** Newest decision time of any block ever evicted, ms; -1: none was. */
  evictedUntilMs: number
  evicted: number
  /** Memory of evicted blocks, for the next: a large catalogue makes and evicts blocks all the time. */
  readonly spare: Float64Array[]
  /** Items changed or evicted since the last snapshot. */
  readonly changed: Set<string>
  /** The feature map, and rows of the warm-up, changed since the last snapshot. */
  mapChanged: boolean
  version: string | null
}

/** Decisions before the first estimate of the prior. */
export const FIRST_ESTIMATE = 32

export function createState(options: LinearOptions): State {
  const map = createFeatureMap(options.features, unknownScale(options.features))
  const hyper = startHyper(options.priorPrecision)
  return {
    options,
    map,
    hyper,
    prior: priorOf(groupsOf(options.features, map.dimensions), hyper, new Float64Array(map.dimensions)),
    decisions: 0,
    nextEstimate: FIRST_ESTIMATE,
    priorChanged: true,
    warmUp: createWarmUp(options.features.numbers.count > 0 ? options.warmUpDecisions : 0),
    moments: createMoments(),
    clock: { halfLifeMs: options.halfLifeMs, referenceMs: 0, newestMs: -1, changedMs: [] },
    firstMs: -1,
    changes: createChanges(),
    blocks: new Map(),
    components: new Map(),
    contentLength: 0,
    evictedUntilMs: -1,
    evicted: 0,
    spare: [],
    changed: new Set(),
    mapChanged: true,
    version: null,
  }
}
