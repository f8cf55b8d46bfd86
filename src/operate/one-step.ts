/**
 * A command that is a stage for one step, whether or not another runs that stage: it recovers where that one stands, appends what
 * it has to say and leaves. The chain decides who was first; the other one follows.
 */
import { FeedloopError } from '../errors.ts'
import { startTask, type TaskOptions } from '../log/chain/task.ts'
import type { Output, StageState } from '../stage.ts'

export interface OneStep<S extends StageState, V, T> {
  readonly task: Omit<TaskOptions<S, V>, 'accepted'>
  /** What was to be said, of the outputs of an accepted step; undefined: it is not among them. */
  readonly find: (outputs: readonly Output[]) => T | undefined
  /** What it is called where it is not accepted in time. */
  readonly what: string
  readonly timeoutMs: number
}

/** @returns what was found in the first accepted step that has it
 * @throws FeedloopError DEADLINE_EXCEEDED, and what the task throws */
export async function takeOneStep<S extends StageState, V, T>(options: OneStep<S, V, T>): Promise<T> {
  const accepted = Promise.withResolvers<T>()
  const task = startTask<S, V>({
    ...options.task,
    accepted: ({ outputs }) => {
      const found = options.find(outputs)
      if (found !== undefined) accepted.resolve(found)
    },
  })
  task.done.catch(accepted.reject)
  const late = new FeedloopError('DEADLINE_EXCEEDED', `${options.what} not accepted: look before you repeat it`)
  const timer = setTimeout(() => accepted.reject(late), options.timeoutMs)
  try {
    return await accepted.promise
  } finally {
    clearTimeout(timer)
    await task.stop().catch(() => {})
  }
}
