/** A task's inputs where recovery begins to fold them: at the positions of a step, as far as retention has left what comes after. */
import { FeedloopError } from '../../errors.ts'
import { topicName, topics } from '../../pipeline.ts'
import type { StageState } from '../../stage.ts'
import type { Cursor } from './cursor.ts'
import { openCursor } from './cursor.ts'
import type { InputPosition, StepHeader } from './header.ts'
import { retrying } from './rim.ts'
import type { TaskContext } from './session.ts'
import type { TaskInput } from './task.ts'

const maxEmptyReadMs = 250

/** Short enough that a silent input is known to be silent at any time (watermark.ts), with as much again for the way. */
const emptyReadMs = (idleMs: number): number => Math.min(maxEmptyReadMs, Math.max(1, idleMs / 4))

/** Where the inputs were before a chain's first batch. Of a batch inside the chain that is gone with the one before. */
export const begun = (header: StepHeader): readonly InputPosition[] | null =>
  header.from === undefined
    ? null
    : header.inputs.map(({ topic, partition }, i) => ({ topic, partition, next: header.from![i]! }))

const isWhole = ({ topic }: TaskInput): boolean => topics[topic].cleanup === 'compact'
const positionOf = (positions: readonly InputPosition[], input: TaskInput): InputPosition | undefined =>
  positions.find(({ topic, partition }) => topic === input.topic && partition === input.partition)

/** Does the log still hold all that comes after these positions? Compacted inputs hold what counts of it. */
export async function holdsAll<S extends StageState, V>(
  { io, options }: TaskContext<S, V>,
  positions: readonly InputPosition[],
): Promise<boolean> {
  for (const input of options.inputs) {
    const next = positionOf(positions, input)?.next
    if (next === undefined || isWhole(input)) continue
    const { earliest } = await retrying(io, () => io.log.ends(topicName(options.prefix, input.topic), input.partition))
    if (next < earliest) return false
  }
  return true
}

/** Opens the inputs to fold from `positions` on; null where retention has removed some of what comes after them. What is
 * folded before is then outputs only: the state forgets what the inputs' retention has let go. Compacted inputs are
 * folded from their beginning, because they still hold all that counts. */
export const openRetained = async <S extends StageState, V>(
  context: TaskContext<S, V>,
  positions: readonly InputPosition[] | null,
): Promise<readonly Cursor[] | null> =>
  positions !== null && (await holdsAll(context, positions))
    ? openAll(
        context,
        positions.filter(({ topic }) => topics[topic as TaskInput['topic']].cleanup !== 'compact'),
      )
    : null

/** What no step has taken must be there. @throws FeedloopError OFFSET_OUT_OF_RANGE */
export async function checkUnread<S extends StageState, V>(
  context: TaskContext<S, V>,
  positions: readonly InputPosition[],
): Promise<void> {
  if (await holdsAll(context, positions)) return
  const where = positions.map(({ topic, partition, next }) => `${topic}/${partition} at ${next}`).join(', ')
  throw new FeedloopError('OFFSET_OUT_OF_RANGE', `retention has cut what comes after ${where}`)
}

/** Opens every input at its position; at its first record where there is none.
 * @param leavesOut begin at the first record, too, where what comes after a position is gone
 * @throws FeedloopError OFFSET_OUT_OF_RANGE when what comes after a position is gone unread */
export const openAll = async <S extends StageState, V>(
  context: TaskContext<S, V>,
  positions: readonly InputPosition[],
  leavesOut = false,
): Promise<readonly Cursor[]> => {
  const { io, options, notify } = context
  const isThere = async (position: InputPosition): Promise<boolean> => !leavesOut || holdsAll(context, [position])
  const found = await Promise.all(positions.map(async position => ((await isThere(position)) ? [position] : [])))
  return Promise.all(
    options.inputs.map(input =>
      openCursor(io, {
        prefix: options.prefix,
        input,
        from: positionOf(found.flat(), input) ?? null,
        maxBytes: options.step.readBytes ?? options.step.maxBytes,
        waitMs: emptyReadMs(options.step.idleMs),
        notify,
      }),
    ),
  )
}
