/**
 * A task's session: the stage's state, the inputs and the writer, all at the same accepted step. A session is opened by
 * recovery (recover.ts) and carried on by steps (steps.ts); a state that cannot drop its overlay ends it when a race is
 * lost, and another is opened.
 */
import type { Input, StageState } from '../../stage.ts'
import type { Batch } from './batches.ts'
import { decode } from './codec.ts'
import type { Cursor } from './cursor.ts'
import type { InputPosition, StepHeader } from './header.ts'
import type { ChainIo } from './rim.ts'
import type { TaskOptions } from './task.ts'
import type { Clock } from './watermark.ts'
import type { Writer } from './writer.ts'

export interface TaskContext<S extends StageState, V> {
  readonly options: TaskOptions<S, V>
  readonly io: ChainIo
  /** How much of a full step is taken: less after outputs that did not fit. Outlives a session. */
  readonly squeeze: { records: number; time: number }
  /** Wakes the task's loop. */
  readonly notify: () => void
}

export interface Session<S extends StageState> {
  readonly state: S
  readonly cursors: readonly Cursor[]
  readonly writer: Writer
  readonly clock: Clock
  /** Of the last accepted step; null before the first. */
  header: StepHeader | null
  /** Stops the reading ahead, and lets go of the state. */
  close(): Promise<void>
}

const samePartition = (a: { topic: string; partition: number }, b: { topic: string; partition: number }): boolean =>
  a.topic === b.topic && a.partition === b.partition

/** Where an accepted step stands in one of the task's inputs; undefined when it did not know that input yet. */
export const positionIn = (
  header: StepHeader,
  input: { topic: string; partition: number },
): InputPosition | undefined => header.inputs.find(position => samePartition(position, input))

export interface Folding<S extends StageState> {
  readonly state: S
  readonly cursors: readonly Cursor[]
  readonly clock: Clock
  /** True while what is folded may have to be thrown away: nobody may go on from it. */
  readonly unsettled?: boolean
  /** The batch's inputs go on from those of a step before the last one: what came between says nowhere what it left out. */
  readonly afterGap?: boolean
}

/** Brings the state forward over an accepted step: its inputs as it took them, and the outputs that it emitted. */
export async function foldBatch<S extends StageState, V>(
  context: TaskContext<S, V>,
  on: Folding<S>,
  batch: Batch,
): Promise<void> {
  const { stage, wire, output } = context.options
  const { header } = batch
  const room = on.state.room?.()
  if (room) await room
  const { inputs: outputs } = await decode(context.io, wire, output, batch.records)
  for (const cursor of on.cursors) cursor.witness(positionIn(header, cursor.input))
  for (const quiet of header.quiet ?? []) {
    const stops = header.inputs.map((position, i) => ({
      topic: position.topic,
      partition: position.partition,
      next: quiet.next[i]!,
    }))
    stage.fold(on.state, await takeInputs(context, on, header, stops), [], quiet.tick)
  }
  stage.fold(on.state, await takeInputs(context, on, header, header.inputs), outputs, header.tick)
  on.state.commit(on.unsettled ? undefined : { head: batch.head, header })
  on.clock.advance(header.tick)
  for (const cursor of on.cursors) cursor.settle()
}

async function takeInputs<S extends StageState, V>(
  { io, options }: TaskContext<S, V>,
  { cursors, clock, afterGap }: Folding<S>,
  header: StepHeader,
  stops: readonly InputPosition[],
): Promise<Input[]> {
  const taken: Input[] = []
  for (const [index, cursor] of cursors.entries()) {
    const at = stops.findIndex(stop => samePartition(stop, cursor.input))
    if (at < 0) continue
    const unseen = new Set((header.unseen ?? []).filter(([input]) => input === at).map(([, offset]) => offset))
    const records = (await cursor.takeTo(stops[at]!)).filter(record => !unseen.has(record.offset))
    const { inputs, undecodable } = await decode(io, options.wire, cursor.input, records)
    // It was read when the step was taken: to leave it out now would make another state.
    if (undecodable.length > 0 && !afterGap) throw undecodable[0]!.error
    clock.see(index, inputs, header.tick.timeMs)
    for (const input of inputs) taken.push(input)
  }
  return taken
}
