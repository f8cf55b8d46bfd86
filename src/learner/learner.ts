/**
 * The one interface behind which every algorithm learns. A learner is fed transition revisions in log order and must
 * end in the same place for any order of revisions (its class says how, architecture rule 2):
 * - `exact`: statistics are sums, so a late reward is added and a retraction subtracted;
 * - `replace`: transitions stay in a buffer by id, a revision replaces the reward there.
 */
import type { ModelVersion, Tensor } from '../../schemas/records.ts'
import type { LearnedTransition } from './wire.ts'

/** A transition revision with its encodings: what the log says, as numbers. */
export interface Example {
  readonly transition: LearnedTransition
  /** Encoded state, of src/state/encode.ts. */
  readonly state: Float64Array
  /** Vectors of the candidates that could be drawn, in the order of `transition.candidates`; none for a learner that does not use them. */
  readonly candidates: readonly Float32Array[]
  /** Vector of the action's item as the catalogue has it now; absent: none is known. */
  readonly item?: Float32Array
  /** Index among the candidates of the (single) action; -1: none of them. */
  readonly action: number
  /** Encoded next state, null while unknown or at the end. */
  readonly nextState: Float64Array | null
  /** Vectors of the next decision's candidates that it could choose among; null while unknown, at the end, and for a learner that does not use them. */
  readonly nextCandidates: readonly Float32Array[] | null
  /** Change of the scalar reward (components weighted), and the scalar reward so far. */
  readonly deltaReward: number
  readonly reward: number
}

export interface LearnStats {
  readonly learned: number
  /** Refused revisions by reason, e.g. propensity_not_exact, late_unlearned, not_finite. */
  readonly refused: Readonly<Record<string, number>>
  /** Transitions that had been taken and left a buffer unlearned, by reason: stale, evicted. */
  readonly dropped?: Readonly<Record<string, number>>
  /** Loss, norms, entropy …: finite numbers, for metrics. */
  readonly stats: Readonly<Record<string, number>>
  /** Revisions that a buffer took; of a transition that it holds a first one again is none. There where the learner can `recall`. */
  readonly taken?: readonly Example[]
}

export interface Checkpoint {
  /** Null: `tensors` are all; else only what changed since that version. */
  readonly baseVersion: string | null
  readonly parameters: Readonly<Record<string, number>>
  readonly tensors: readonly Tensor[]
}

export interface Learner {
  readonly algorithm: string
  readonly revisions: 'exact' | 'replace'
  /** False: it never looks at candidate vectors, so none need be looked up for it. */
  readonly usesCandidates: boolean
  /** True: it takes the best of the next decision's candidates, so their vectors are looked up, too. */
  readonly usesNextCandidates?: boolean
  /** True: it uses each transition once, and only while who decided is nearly its policy, so a log of others teaches it little. */
  readonly onPolicy?: boolean
  learn(batch: readonly Example[]): LearnStats
  /** Takes back what buffers held when the version that was restored was made, in the order in which it was taken, and what `left`
   * was then: nothing is learned from it by itself. Absent: there is no buffer that a version does not hold. */
  recall?(batch: readonly Example[], left: Iterable<string>): void
  /** A buffer holds the transition. There where `recall` is. */
  holds?(transitionId: string): boolean
  /** Ids of transitions that were here and do not come again, oldest first: nothing waits for them. Absent: nothing waits. */
  left?(): ReadonlySet<string>
  /** The state to publish as `version`; `full: false` may leave out tensors that did not change since the last snapshot. */
  snapshot(version: string, full: boolean): Checkpoint
  /** Goes on from a full checkpoint (increments already merged by src/models). @throws FeedloopError MODEL_INCOMPATIBLE */
  restore(model: ModelVersion): void
}
