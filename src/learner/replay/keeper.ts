/**
 * Where transitions that are kept for replay outlive the process: revisions as they came, in order, each step's with the version that
 * contains them. A learner whose newest version is another (somebody else published since, or this process died between the two) finds
 * nothing, and fills its buffer anew: what is kept is a cache of the topic.
 */
import type { Transition } from '../../../schemas/records.ts'
import type { PolicyConfig } from '../../config.ts'

/** A version, told from one of the same name in a log that was begun anew. */
export interface Kept {
  readonly version: string
  readonly createdMs: number
}

export interface Keeper {
  /** What the version's buffer was made of, oldest first. Empty, and emptied, when what is kept is another's. */
  recall(after: Kept): readonly Transition[]
  /** Adds a step's transitions, and lets those go that the buffer does not hold any more. */
  keep(transitions: readonly Transition[], after: Kept): void
  close(): Promise<void>
}

/** Transitions that the policy's learner keeps for replay; undefined: it keeps none, or uses each once. */
export function replayCapacity(policy: PolicyConfig): number | undefined {
  switch (policy.algorithm) {
    case 'two-tower':
      return policy.twoTower.bufferSize
    case 'v-trace':
      return policy.vTrace.bufferSize
    case 'reinforce':
      return policy.reinforce.bufferSize
    case 'dqn':
      return policy.dqn.bufferSize
    case 'slate-q':
      return policy.slateQ.bufferSize
    default:
      return undefined
  }
}
