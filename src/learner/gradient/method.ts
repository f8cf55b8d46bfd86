/**
 * What an algorithm adds to the frame that all gradient learners share (learner.ts): where it keeps transitions, what it
 * steps on, and the loss. The loss is given by its gradient at the network's outputs, on plain arrays, so that each
 * algorithm's equation stands alone, is tested against finite differences, and runs the same on every backend.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import type { Checkpoint, Example } from '../learner.ts'
import type { Network } from '../towers/network.ts'
import type { ParameterName, Parameters } from '../towers/parameters.ts'

/** One decision as the network sees it. */
export interface Seen {
  /** Encoded state, `stateDimensions` long. */
  readonly state: Float64Array
  /** One vector a candidate, `itemDimensions` long each. */
  readonly candidates: readonly Float32Array[]
}

/** A loss at the outputs of a batch of B decisions, K the most candidates of any. */
export interface Loss {
  /** dLoss/dLogits, [B, K] or [B, K, heads] row-major; 0 at padding. */
  readonly logitGradient: Float32Array
  /** dLoss/dValues, [B]. */
  readonly valueGradient: Float32Array
  /** What values are to be, [B]: their usual size is the unit in which they are learned. Absent: it is 1. */
  readonly valueTargets?: Float64Array
  /** Terms of the loss and what else is to be watched, for metrics. */
  readonly stats: Readonly<Record<string, number>>
  /** Why this step is not to be taken, e.g. `kl_bound`; nothing is changed then. */
  readonly refused?: string
  /** Why a part of this step was left out, e.g. `entropy_bound`; the rest is taken. */
  readonly withheld?: string
}

/** One gradient step. */
export interface Batch {
  readonly decisions: readonly Seen[]
  /** Weights at which the gradient is taken, e.g. a worker's copy; it is applied to the shared ones. Default: those. */
  readonly at?: Parameters
  /** @param logits [B, K] or [B, K, heads] row-major @param values [B] */
  loss(logits: Float32Array, values: Float32Array): Loss
}

/** What a method may look at between its steps. The weights change in place with each step. */
export interface Now {
  readonly weights: Parameters
  readonly network: Network
  /** Number of the version published or restored last; 0: none. */
  readonly version: number
  /** Usual size of value targets so far; 1 while none was seen. */
  readonly valueUnit: number
  /** Gradient steps tried so far: a seed of draws that a checkpoint holds. */
  draws(): number
}

/** Ids of transitions that were here and do not come again. */
export interface Left {
  /** Oldest first. */
  ids(): ReadonlySet<string>
  /** They had left before a restart. */
  recall(ids: Iterable<string>): void
}

export interface Method {
  readonly algorithm: string
  /** It takes the best of the next candidates. Default false. */
  readonly usesNextCandidates?: boolean
  /** Each transition is used once, and none of an old policy. Default false. */
  readonly onPolicy?: boolean
  /** Parameters in which what is said of values is linear: in units of the reward as that is. Default: those of the value head. */
  readonly valued?: readonly ParameterName[]
  /** Takes in a revision whose form is right. @returns why not, e.g. propensity_not_exact, late_unlearned */
  take(example: Example, now: Now): string | undefined
  /** Takes in what a slate of several slots earned as a whole. Absent: it learns of places only, and refuses it, `slate`.
   * @returns why not, e.g. late_unlearned */
  takeSlate?(example: Example): string | undefined
  /** A revision that was not taken. Absent: that changes nothing. */
  pass?(example: Example): void
  /** Transitions that were taken and then dropped unlearned since it was asked last, by reason, e.g. stale. Absent: none ever. */
  dropped?(): Readonly<Record<string, number>>
  /** Takes a revision back that was taken before a restart: it is not new, and bounds of age do not count. What it would refuse now by its
   * settings it leaves out. */
  recall(example: Example): void
  /** The transition is there to be learned. */
  holds(transitionId: string): boolean
  /** As of a learner. Absent: nothing waits for what follows it. */
  readonly left?: Left
  /** Steps to take now that `taken` more revisions of single choices are in: each is asked for after the one before was taken. */
  batches(taken: number, now: Now): Iterable<Batch>
  /** Sizes of its stores and the like, for metrics. */
  stats(): Readonly<Record<string, number>>
  /** What it needs beside weights, moments and counters to go on. */
  snapshot(now: Now): Pick<Checkpoint, 'parameters' | 'tensors'>
  /** @throws FeedloopError MODEL_INCOMPATIBLE */
  restore(model: ModelVersion, now: Now): void
}
