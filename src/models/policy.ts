/**
 * What serves: a model version applied to decisions. A learner writes checkpoints (`ModelVersion`); `loadPolicy` turns one
 * into a Policy; the ranker asks it for a Scorer per decision and lets an explorer (src/ranker/explorers) choose from it.
 */
import type { ModelVersion } from '../../schemas/records.ts'

/** Candidates of one decision as the policy sees them. */
export interface CandidateVectors {
  readonly itemIds: readonly string[]
  /** One vector an item, `features.dimensions` long; zeros for an item without features. */
  readonly vectors: readonly Float32Array[]
  /** Absent: none are known. */
  readonly rows?: Rows
}

/** Where an item's row is the same for ever: a store (src/features/store.ts). */
export interface VectorsByRow {
  vectorOf(row: number): Float32Array
  /** Above 0; a greater one whenever the row's vector is another. */
  stampOf(row: number): number
  /** The greatest of all rows. */
  readonly newestStamp: number
}

/** Items by number, so that who keeps something of each need not look it up by name. */
export interface Rows {
  readonly catalogue: VectorsByRow
  /** One an item, -1 for one that is not in it. */
  readonly numbers: ArrayLike<number>
}

/** What a version states of the decisions in its statistics. Schedules of exploration are functions of it. */
export interface Learned {
  /** n: their number, weighted and decayed as they count. */
  readonly decisions: number
  /** Root mean square of the scalar reward, the unit of gaps between expected rewards; 1 while no reward but 0 has come. */
  readonly rewardScale: number
}

/** Standard deviations that are worked out when they are asked for. */
export interface Deviations {
  /** No deviation is larger than that of these, which are the deviations themselves once those are worked out. Length K. */
  readonly most: Float64Array
  of(k: number): number
}

/** A policy applied to one decision: K candidates. */
export interface Scorer {
  /** Expected reward of each candidate, or its logit (two-tower). Length K. */
  readonly mean: Float64Array
  /** Standard deviation of each mean's posterior, a normal one, independent of the others'; absent when the model has none. Length K. */
  readonly deviation?: Float64Array
  /** The same one by one, for who needs few of them. */
  readonly deviations?: Deviations
  /** Expected rewards by each of several models of the same, none of which is better than another; M of length K. */
  readonly members?: readonly Float64Array[]
  /** What of candidate k's mean all items have in common, and what its vector foretells; the rest is its own. Absent
   * when the model cannot tell. */
  bias?(k: number): { readonly shared: number; readonly content: number }
}

/** How a policy orders all items by dot products, so that the best of very many are found without scoring each. */
export interface Retrieval {
  /** Places of the same space and dimensions are comparable: those of one version exactly, of neighbouring ones roughly. */
  readonly space: string
  readonly version: string
  readonly dimensions: number
  /** Its dot product with an item's place, and the item's bias, grows with the item's score. Undefined: it tells nothing. */
  query(state: Float64Array): Float32Array | undefined
  /** Writes the item's place into `out`. @returns its bias */
  place(vector: Float32Array, out: Float32Array): number
  /** The scores themselves, to order the few that were found. Length K. */
  scores(state: Float64Array, candidates: CandidateVectors): Float64Array
}

export interface Policy {
  /** Empty for the initial policy. */
  readonly version: string
  readonly algorithm: string
  /** Absent when scores are logits, whose own softmax is the policy. */
  readonly learned?: Learned
  /** Absent when its scores are no dot products of items' vectors. */
  readonly retrieval?: Retrieval
  /** Up to `limit` items that the model has parameters of their own for; absent when it has none for any item. */
  knownItems?(limit: number): readonly string[]
  /** @param state vector of src/state/encode.ts */
  scorer(state: Float64Array, candidates: CandidateVectors): Scorer
}

/** Keeps what incremental versions build on: feed it every version in order.
 * @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE */
export interface PolicyLoader {
  load(model: ModelVersion): Policy
  /** The same in pieces of some tenths of a millisecond, for those who have others to answer meanwhile. */
  loading(model: ModelVersion): Loading
}

/** A policy being loaded. @throws as `load` */
export type Loading = Generator<void, Policy>
