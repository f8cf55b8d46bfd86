/**
 * How far a task's inputs are behind, shown now and then from beside its steps: one that hangs in its append (a topic that takes no
 * writes) is the one to hear of, and what it has taken still waits.
 */
import { topicName } from '../../pipeline.ts'
import type { StageState } from '../../stage.ts'
import { showLag } from '../lag.ts'
import type { Cursor } from './cursor.ts'
import { retrying } from './rim.ts'
import type { Session, TaskContext } from './session.ts'
import type { TaskInput } from './task.ts'

export interface Lags {
  /** A step is taken: until it ends, the inputs stand where it began. */
  during<T>(step: () => Promise<T>): Promise<T>
  stop(): void
}

interface Standing {
  readonly input: TaskInput
  /** Offset of the first record that waits. */
  readonly next: number
  /** Since when, ms. */
  readonly sinceMs: number
}

const standing = ({ input, position, waitingSinceMs }: Cursor): Standing => ({
  input,
  next: position.next,
  sinceMs: waitingSinceMs,
})

/** What cannot be asked of the log ends it: the inputs' reading fails by the same, and tells. */
export function showLags<S extends StageState, V>(
  { io, options: { meter, stage, prefix } }: TaskContext<S, V>,
  { cursors }: Pick<Session<S>, 'cursors'>,
): Lags {
  const stop = new AbortController()
  let inStep: readonly Standing[] | undefined
  const look = async ({ input, next, sinceMs }: Standing): Promise<void> => {
    const { latest } = await retrying(io, () => io.log.ends(topicName(prefix, input.topic), input.partition))
    if (stop.signal.aborted) return
    const behind = { records: Math.max(0, latest - next), sinceMs, nowMs: io.rim.now() }
    showLag(meter, { stage: stage.name, ...input }, behind)
  }
  const lookOn = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      for (const each of inStep ?? cursors.map(standing)) await look(each)
      await io.rim.sleep(io.rules.watchMs, stop.signal)
    }
  }
  lookOn().catch(() => {})
  return {
    async during(step) {
      inStep = cursors.map(standing)
      try {
        return await step()
      } finally {
        inStep = undefined
      }
    },
    stop: () => stop.abort(),
  }
}
