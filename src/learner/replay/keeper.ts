/**
 * Where transitions that are kept for replay outlive the process: revisions as they were taken, in order, with the version that
 * contains them. A learner whose newest version is another (somebody else published since, or this process died between the two) finds
 * nothing, and fills its buffer anew: what is kept is a cache of the topic.
 */
import type { Transition } from '../../../schemas/records.ts'
import type { Learner } from '../learner.ts'

/** A version, told from one of the same name in a log that was begun anew. */
export interface Kept {
  readonly version: string
  readonly createdMs: number
}

/** Both oldest first. */
export interface Recalled {
  readonly transitions: readonly Transition[]
  readonly left: readonly string[]
}

export type Holder = Required<Pick<Learner, 'holds'>> & Pick<Learner, 'left'>

export interface Keeper {
  /** What the version's buffer was made of, and ids of what had left it. Empty, and emptied, when what is kept is another's. */
  recall(after: Kept): Recalled
  /** Adds revisions that the learner took, and lets those go whose transition it does not hold any more. */
  keep(taken: readonly Transition[], after: Kept, learner: Holder): void
  close(): Promise<void>
}
