/**
 * Recovery: the head of the own chain is found by the reader's rule, and the state is folded from the accepted steps'
 * inputs and outputs, from the first that the log still has, or from the step that a state on disk contains
 * (snapshot.ts). What was emitted is read, never decided again.
 *
 * A stage whose state is its last output (`positions-in-output`) folds outputs only and goes on from the inputs of the
 * last step that had one: a step without output left nothing behind. Where it can tell that an output stands alone (a
 * full checkpoint), no more is read than the end of the chain back to such a one.
 */
import { isCode } from '../../errors.ts'
import { topicName, topics } from '../../pipeline.ts'
import type { StageState } from '../../stage.ts'
import type { Batch } from './batches.ts'
import { emptyStep, groupLags } from './behind.ts'
import { decode } from './codec.ts'
import type { Cursor } from './cursor.ts'
import type { ChainFeed, ChainPosition } from './feed.ts'
import { verifyHead } from './feed.ts'
import type { StepHeader } from './header.ts'
import { begun, checkUnread, holdsAll, openAll, openRetained } from './inputs.ts'
import type { Anchor, AnchorOptions } from './progress.ts'
import { anchorOf } from './progress.ts'
import { showProgress } from './recovery-progress.ts'
import type { ChainIo } from './rim.ts'
import { retrying } from './rim.ts'
import type { Session, TaskContext } from './session.ts'
import { foldBatch } from './session.ts'
import { begin } from './snapshot.ts'
import type { TaskInput } from './task.ts'
import { createClock } from './watermark.ts'
import { createWriter, partitionsChanged } from './writer.ts'

const readBytes = 4 << 20

/** @throws FeedloopError CHAIN_IDENTITY_LOST, CHAIN_NO_ANCHOR, PARTITION_COUNT_CHANGED, OFFSET_OUT_OF_RANGE and what the log throws for good */
export async function recover<S extends StageState, V>(context: TaskContext<S, V>): Promise<Session<S>> {
  for (;;) {
    const session = new AbortController()
    const { signal: stopped } = context.io
    // Neither AbortSignal.any nor the `signal` option here: both keep a session alive that nobody holds any more.
    stopped?.addEventListener('abort', () => session.abort(), { once: true })
    if (stopped?.aborted) session.abort()
    const io: ChainIo = { ...context.io, signal: session.signal }
    const ending = createEnding(session)
    try {
      return await recoverWith({ ...context, io }, ending)
    } catch (error) {
      await ending.close()
      if (!(error instanceof Overtaken)) throw error
    }
  }
}

/** What a session leaves behind when it ends: nothing that reads, and a state that may be opened again. */
interface Ending {
  add(state: StageState): void
  close(): Promise<void>
}

function createEnding(session: AbortController): Ending {
  let state: StageState | undefined
  return {
    add(opened) {
      state = opened
    },
    async close() {
      session.abort()
      await state?.close?.()
    },
  }
}

/** What was folded is no state after any step: retention removed the front of the chain and of its inputs while they were
 * read, or the state had more in it than the chain. */
class Overtaken extends Error {}

/** Records from the end at which a search for an output that stands alone begins, and by how much it widens. */
const tailRecords = 128
const tailGrowth = 8

/** A stage that knows when its outputs stand alone needs only the end of its chain, and from a long one takes no more. */
async function recoverWith<S extends StageState, V>(context: TaskContext<S, V>, ending: Ending): Promise<Session<S>> {
  const { io, options } = context
  const { output, stage } = options
  const { earliest, latest } = await retrying(io, () =>
    io.log.ends(topicName(options.prefix, output.topic), output.partition),
  )
  if (stage.whole !== undefined)
    for (let records = tailRecords; latest - records > earliest; records *= tailGrowth) {
      const session = await recoverFrom(context, ending, { next: latest - records })
      if (session !== null) return session
    }
  return (await recoverFrom(context, ending, null))!
}

/** @param from where in the own chain to begin; null: at its first batch
 * @returns null when the state that comes of it does not stand alone */
async function recoverFrom<S extends StageState, V>(
  context: TaskContext<S, V>,
  ending: Ending,
  from: ChainPosition | null,
): Promise<Session<S> | null> {
  const { io, options } = context
  const { stage, output } = options
  const at = { topic: topicName(options.prefix, output.topic), partition: output.partition }
  const partitions = await retrying(io, () => io.log.partitionCount(at.topic))
  const clock = createClock(options.inputs.length, options.step)
  const state = await stage.open(output.partition, io.signal)
  ending.add(state)
  const foldsInputs = stage.recovery !== 'positions-in-output'
  const { own, point, ahead, gap, since } = await begin(io, at, {
    state,
    from,
    hasInputs: header => holdsAll(context, header.inputs),
  })
  let cursors: readonly Cursor[] | null = null
  let last: StepHeader | null = null
  let resume: StepHeader | null = null
  if (point !== null) {
    checkShape(context, point.header, partitions)
    cursors = await openAll(context, point.header.inputs, state.outlives)
    resume = last = point.header
    clock.advance(point.header.tick)
  }

  if (gap)
    options.logger.warn(
      { stage: stage.name, partition: output.partition, kept: point!.head.offset },
      'retention has cut steps after the kept state: of their outputs nothing is known',
    )

  let forgets = false
  let isFirst = gap
  const firstOffset = own.offset
  const bringForward = async (batch: Batch): Promise<void> => {
    const { header } = batch
    checkShape(context, header, partitions)
    if (foldsInputs) {
      cursors ??= await openRetained(context, begun(header))
      if (cursors !== null)
        await foldBatch(context, { state, cursors, clock, unsettled: forgets, afterGap: isFirst }, batch)
      else {
        await foldOutputs(batch)
        forgets = true
        cursors = await openRetained(context, header.inputs)
      }
    } else if (header.outputs > 0) await foldOutputs(batch)
    if (header.outputs > 0 || header.prev === null) resume = header
    last = header
    isFirst = false
    clock.advance(header.tick)
  }
  const foldOutputs = async (batch: Batch): Promise<void> => {
    stage.fold(state, [], (await decode(io, options.wire, output, batch.records)).inputs, batch.header.tick)
    state.commit()
  }
  for (const batch of ahead) await bringForward(batch)
  const progress = await showProgress(context, own.offset)
  for await (const batch of acceptedToEnd(io, at, own)) {
    await bringForward(batch)
    progress.at(batch.head.offset)
  }
  progress.done()
  if (from !== null && !(own.reader.head !== null && stage.whole!(state))) return null
  if (forgets && (await retrying(io, () => io.log.ends(at.topic, at.partition))).earliest > firstOffset)
    throw new Overtaken()
  const kept = own.reader.head === null ? await keptByGroup(io, options, own) : null
  if (kept !== null) {
    if (point !== null) await bringForward(emptyStep(kept, point, at))
    resume = last = kept.header
    if (point === null) cursors = await openAll(context, kept.header.inputs)
    for (const batch of own.reader.witness(kept.head)) await bringForward(batch)
    if (own.reader.fault !== null) throw own.reader.fault
  }
  // Of steps between the group's and `since` nothing is left, neither for nor against them.
  const hasLater = point !== null && kept !== null && state.unproved?.(kept.head.offset + 1)
  if (state.unproved?.(since)) {
    await state.reset?.('not_in_chain', `${at.topic}/${at.partition}: snapshots that name steps beyond it`)
    throw new Overtaken()
  }
  if (hasLater) throw groupLags(at, kept!.head, 'snapshots contain later steps')
  if (point !== null && state.outlives && last !== null) await checkUnread(context, last.inputs)
  const header: StepHeader | null = foldsInputs ? last : resume
  cursors ??= await openAll(context, header?.inputs ?? [])
  const head = io.rules.writersHead(own.reader.head, own.reader.last)
  const writer = createWriter(io, at, { head, last: own.reader.last, end: own.offset, partitions })
  return { state, cursors, writer, clock, header, close: ending.close }
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
  while (own.offset < latest || own.reader.fault !== null) {
    yield* await own.poll({ maxBytes: readBytes })
    if (own.atEnd) await verifyHead(io, at, { next: latest })
  }
}

function checkShape<S extends StageState, V>(
  { io, options: { inputs, output } }: TaskContext<S, V>,
  header: StepHeader,
  partitions: number,
): void {
  const grew = partitions > header.partitions && addsPolicies(output.topic)
  if (!io.rules.keepsPartitions(header.partitions, partitions) && !grew)
    throw partitionsChanged(output.topic, header.partitions, partitions)
  for (const name of new Set(header.inputs.map(position => position.topic))) {
    const was = header.inputs.filter(position => position.topic === name).length
    const is = inputs.filter(input => input.topic === name).length
    if (is > 0 && is !== was && !(is > was && addsPolicies(name))) throw partitionsChanged(name, was, is)
  }
}

/** A partition a policy: another policy takes the next one and moves nobody's records. */
const addsPolicies = (topic: string): boolean => topics[topic as TaskInput['topic']]?.partitions === 'policies'
