/**
 * Recovery: the head of the own chain is found by the reader's rule, and the state is folded from the accepted steps'
 * inputs and outputs, from the first that the log still has. What was emitted is read, never decided again.
 *
 * A stage whose state is its last output (`positions-in-output`) folds outputs only and goes on from the inputs of the
 * last step that had one: a step without output left nothing behind.
 */
import { FeedloopError, isCode } from '../../errors.ts'
import { topicName, topics } from '../../pipeline.ts'
import type { StageState } from '../../stage.ts'
import type { Batch } from './batches.ts'
import { decode } from './codec.ts'
import type { Cursor } from './cursor.ts'
import { openCursor } from './cursor.ts'
import type { ChainFeed } from './feed.ts'
import { openFeed } from './feed.ts'
import type { InputPosition, StepHeader } from './header.ts'
import type { Anchor, AnchorOptions } from './progress.ts'
import { anchorOf } from './progress.ts'
import type { ChainIo } from './rim.ts'
import { retrying } from './rim.ts'
import type { Session, TaskContext } from './session.ts'
import { foldBatch, positionIn } from './session.ts'
import type { TaskInput } from './task.ts'
import { createClock } from './watermark.ts'
import { createWriter, partitionsChanged } from './writer.ts'

const readBytes = 4 << 20

/** @throws FeedloopError CHAIN_IDENTITY_LOST, CHAIN_NO_ANCHOR, PARTITION_COUNT_CHANGED, OFFSET_OUT_OF_RANGE and what the log throws for good */
export async function recover<S extends StageState, V>(context: TaskContext<S, V>): Promise<Session<S>> {
  const session = new AbortController()
  const signal = AbortSignal.any([session.signal, ...(context.io.signal ? [context.io.signal] : [])])
  const io: ChainIo = { ...context.io, signal }
  try {
    return await recoverWith({ ...context, io }, () => session.abort())
  } catch (error) {
    session.abort()
    throw error
  }
}

async function recoverWith<S extends StageState, V>(
  context: TaskContext<S, V>,
  close: () => void,
): Promise<Session<S>> {
  const { io, options } = context
  const { stage, output } = options
  const at = { topic: topicName(options.prefix, output.topic), partition: output.partition }
  const partitions = await retrying(io, () => io.log.partitionCount(at.topic))
  const clock = createClock(options.inputs.length, options.step.idleMs)
  const state = await stage.open(output.partition)
  const own = await openFeed(io, at, null)
  const foldsInputs = stage.recovery !== 'positions-in-output'
  let cursors: readonly Cursor[] | null = null
  let last: StepHeader | null = null
  let resume: StepHeader | null = null

  const bringForward = async (batch: Batch): Promise<void> => {
    checkShape(options.inputs, batch.header, at.topic, partitions)
    if (foldsInputs) {
      cursors ??= await openAtFirst(context, batch)
      await foldBatch(context, { state, cursors, clock }, batch)
    } else if (batch.header.outputs > 0) {
      stage.fold(state, [], (await decode(io, options.wire, output, batch.records)).inputs, batch.header.tick)
      state.commit()
    }
    if (batch.header.outputs > 0 || batch.header.prev === null) resume = batch.header
    last = batch.header
    clock.advance(batch.header.tick)
  }
  for await (const batch of acceptedToEnd(io, at, own)) await bringForward(batch)
  const kept = own.reader.head === null ? await keptByGroup(io, options, own) : null
  if (kept !== null) {
    resume = last = kept.header
    cursors = await openAll(context, kept.header)
    for (const batch of own.reader.witness(kept.head)) await bringForward(batch)
    if (own.reader.fault !== null) throw own.reader.fault
  }
  const header: StepHeader | null = foldsInputs ? last : resume
  cursors ??= await openAll(context, header)
  if (header !== null) checkCovered(cursors, header)
  const head = io.rules.writersHead(own.reader.head, own.reader.last)
  const writer = createWriter(io, at, { head, end: own.offset, partitions })
  return { state, cursors, writer, clock, header, close }
}

/** The anchor that the group keeps, where the log has none; null for a chain that never began.
 * @throws FeedloopError CHAIN_NO_ANCHOR, CHAIN_IDENTITY_LOST */
async function keptByGroup(io: ChainIo, options: AnchorOptions, own: ChainFeed): Promise<Anchor | null> {
  try {
    return await anchorOf(io, options, own.offset)
  } catch (error) {
    if (isCode(error, 'CHAIN_NO_ANCHOR') && own.offset === 0) return null
    throw error
  }
}

/** The accepted batches up to where the log ended when we began. */
async function* acceptedToEnd(
  io: ChainIo,
  at: { topic: string; partition: number },
  own: ChainFeed,
): AsyncGenerator<Batch> {
  const { latest } = await retrying(io, () => io.log.ends(at.topic, at.partition))
  while (own.offset < latest || own.reader.fault !== null) yield* await own.poll({ maxBytes: readBytes })
}

/** The chain's first batch began at the inputs' first records. Of one that is inside the chain, what came before is
 * gone with retention: its inputs are not folded, but for compacted ones, which still hold all that counts. */
async function openAtFirst<S extends StageState, V>(
  context: TaskContext<S, V>,
  batch: Batch,
): Promise<readonly Cursor[]> {
  const fromTheStart = batch.header.prev === null && batch.header.epoch === 0
  const known = fromTheStart ? null : batch.header
  return openAll(context, known, input => topics[input.topic].cleanup === 'compact')
}

/** Opens every input where `header` stands in it; at its first record where that is not known, gone, or not wanted. */
async function openAll<S extends StageState, V>(
  { io, options, notify }: TaskContext<S, V>,
  header: StepHeader | null,
  whole: (input: TaskInput) => boolean = () => false,
): Promise<readonly Cursor[]> {
  const { prefix, step } = options
  return Promise.all(
    options.inputs.map(async input => {
      const position = header === null || whole(input) ? undefined : positionIn(header, input)
      const from =
        position !== undefined && (await retained(io, topicName(prefix, input.topic), position)) ? position : null
      const cursor = await openCursor(io, { prefix, input, from, maxBytes: step.maxBytes, notify })
      return cursor
    }),
  )
}

async function retained(io: ChainIo, topic: string, position: InputPosition): Promise<boolean> {
  return position.next >= (await retrying(io, () => io.log.ends(topic, position.partition))).earliest
}

/** Nothing between the last accepted step and the inputs' beginnings may have been removed unread. */
function checkCovered(cursors: readonly Cursor[], header: StepHeader): void {
  for (const { input, position } of cursors) {
    const next = positionIn(header, input)?.next
    if (next === undefined || position.next <= next) continue
    throw new FeedloopError(
      'OFFSET_OUT_OF_RANGE',
      `${input.topic}/${input.partition} begins at ${position.next}, ${next} is wanted`,
    )
  }
}

function checkShape(inputs: readonly TaskInput[], header: StepHeader, topic: string, partitions: number): void {
  if (header.partitions !== partitions) throw partitionsChanged(topic, header.partitions, partitions)
  for (const name of new Set(header.inputs.map(position => position.topic))) {
    const was = header.inputs.filter(position => position.topic === name).length
    const is = inputs.filter(input => input.topic === name).length
    if (is > 0 && is !== was) throw partitionsChanged(name, was, is)
  }
}
