/** What a read of `items` or `users` says, in the order of the log: states, and deletions of an id. */
import type { State } from './encoding.ts'

export interface Deletion {
  readonly id: string
  readonly timeMs: number
}

export type Change<O> = State<O> | Deletion

/** States that may be published first, deletions that may be carried out then. */
export interface Run<O> {
  readonly states: readonly State<O>[]
  readonly deletions: readonly Deletion[]
}

/** Cuts where a state follows the deletion of its id; nothing else takes a deletion back. The last run may be empty. */
export function* inRuns<O>(changes: readonly Change<O>[]): Generator<Run<O>> {
  let states: State<O>[] = []
  let deletions = new Map<string, Deletion>()
  for (const change of changes) {
    if (!('content' in change)) {
      deletions.set(change.id, change)
      continue
    }
    if (deletions.has(change.content.id)) {
      yield { states, deletions: [...deletions.values()] }
      states = []
      deletions = new Map()
    }
    states.push(change)
  }
  yield { states, deletions: [...deletions.values()] }
}
