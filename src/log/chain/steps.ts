/**
 * One step of a task: take inputs, let the stage decide, append, and only then make it so.
 *
 * A step without output is *quiet*: it stays in the overlay, and the next batch (at the latest after `progressMs`) names
 * it with its own range and tick, so that a replay folds the very same steps. A step whose outputs exceed a batch is
 * taken again with half the inputs or fewer, as many as should fit, and so are those after it; where only one is left, with half the time; and where that
 * does not help either, the one record is refused, lest it stop the partition for ever.
 */
import { FeedloopError, isCode } from '../../errors.ts'
import { topics } from '../../pipeline.ts'
import type { Count, Input, Output, Refusal, StageState, Tick } from '../../stage.ts'
import { countConsumed } from '../lag.ts'
import type { LogRecord, NewRecord } from '../log.ts'
import { batchBytesAtMost } from '../size.ts'
import type { Batch } from './batches.ts'
import type { Undecodable } from './codec.ts'
import { bury, decode, encode, refusedRecords } from './codec.ts'
import type { QuietStep } from './header.ts'
import type { Session, TaskContext } from './session.ts'
import { foldBatch } from './session.ts'

/** What became of a step. `lost`: the state must be recovered, because it cannot drop what it did. */
export type StepFate = 'idle' | 'quiet' | 'accepted' | 'lost'

export interface Stepper {
  /** True when a step would have something to do now. */
  due(): boolean
  step(): Promise<StepFate>
}

interface Taken {
  readonly inputs: Input[]
  readonly records: readonly LogRecord[]
  readonly undecodable: readonly (Undecodable & { readonly input: number })[]
  /** Records taken of each input. */
  readonly counts: readonly number[]
}

interface Decided {
  readonly outputs: readonly NewRecord[]
  readonly refusals: readonly Refusal[]
  readonly counts: readonly Count[]
}

/** No task is silent for longer than this, so that its progress does not expire with the topic's retention. */
const keepAliveMs = 6 * 3_600_000
const maxQuiet = 64
/** Records that a step's header names as unseen, but for those of its last step: more would be bytes that its batch lacks. */
const maxUnseen = 1000
const batchShare = 0.95
/** Part of a batch that is to be filled where it has been too small: records are not all alike. */
const FILLED = 0.9
/** What the step's header takes of its batch, but for one that names many records or inputs. */
const stepHeaderBytes = 4096

export function createStepper<S extends StageState, V>(context: TaskContext<S, V>, session: Session<S>): Stepper {
  const { io, options } = context
  const { stage, step: bounds, output, meter, prefix } = options
  const { cursors, writer, clock, state } = session
  const keepsOverlay = stage.recovery !== 'positions-in-output'
  const maxBatchBytes = Math.floor((bounds.maxBatchBytes ?? topics[output.topic].maxBatchBytes) * batchShare)
  const begun = cursors.map(cursor => cursor.position.next)
  let quiet: QuietStep[] = []
  let unseen: (readonly [number, number])[] = []
  let counts: Count[] = []
  let emitted: readonly Output[] = []
  let stepMs = 0
  /** Records that a step may be of by what those of the one at hand become. */
  let fitting = 0
  let consumed: number[] = cursors.map(() => 0)
  let acceptedMs = io.rim.now()
  let moved = false
  let skippedOf = [0, ...cursors.map(() => 0)]
  let skippedBefore = 0
  const { squeeze } = context
  const exceeds = new FeedloopError('OUTPUT_TOO_LARGE', `${stage.name} makes more than ${maxBatchBytes} bytes of it`)
  /** Records of which the stage makes more than a batch can hold. */
  const tooLarge = new Set<string>()
  const isTooLarge = (record: LogRecord): boolean => tooLarge.has(nameOf(record))

  const progressDue = (): boolean => {
    if (!keepsOverlay) return false
    const silentMs = io.rim.now() - acceptedMs
    return (
      ((moved || quiet.length > 0) && silentMs >= bounds.progressMs) ||
      quiet.length >= maxQuiet ||
      unseen.length >= maxUnseen ||
      silentMs >= keepAliveMs
    )
  }
  const tickNow = (): Tick => {
    const now = clock.tick(
      io.rim.now(),
      cursors.map(cursor => cursor.heard),
    )
    if (squeeze.time === 1) return now
    const { timeMs, watermarkMs } = quiet.at(-1)?.tick ?? session.header?.tick ?? now
    const part = (from: number, to: number): number => from + Math.floor((to - from) * squeeze.time)
    return { timeMs: part(timeMs, now.timeMs), watermarkMs: part(watermarkMs, now.watermarkMs) }
  }
  const take = async (): Promise<Taken> => {
    const taken = {
      inputs: [] as Input[],
      records: [] as LogRecord[],
      undecodable: [] as (Undecodable & { input: number })[],
      counts: [] as number[],
    }
    const now = io.rim.now()
    for (const [index, records] of takeFairly(session.cursors, squeeze.records, bounds.maxBytes).entries()) {
      const decoded = await decode(
        io,
        options.wire,
        { ...cursors[index]!.input, partitions: options.partitions },
        tooLarge.size === 0 ? records : records.filter(record => !isTooLarge(record)),
      )
      clock.see(index, decoded.inputs, now)
      for (const input of decoded.inputs) taken.inputs.push(input)
      for (const record of records) taken.records.push(record)
      for (const one of decoded.undecodable) taken.undecodable.push({ ...one, input: index })
      if (tooLarge.size > 0)
        for (const record of records.filter(isTooLarge))
          taken.undecodable.push({ record, error: exceeds, input: index })
      taken.counts.push(records.length)
    }
    return taken
  }
  const forget = (): void => {
    quiet = []
    unseen = []
    counts = []
    emitted = []
    stepMs = 0
    consumed = cursors.map(() => 0)
    moved = false
  }
  /** Gives the step back, with the quiet ones before it. False when the state cannot. */
  const giveBack = (): boolean => {
    if (state.discard === undefined || !keepsOverlay) return false
    state.discard()
    for (const cursor of cursors) cursor.rewind()
    forget()
    return true
  }
  const halve = (taken: Taken): StepFate => {
    const spanMs = io.rim.now() - (session.header?.tick.timeMs ?? 0)
    const few = taken.records.length <= 1
    const smallest = few && squeeze.time * spanMs < 1
    const [only] = taken.records
    if (!keepsOverlay || (smallest && (only === undefined || tooLarge.has(nameOf(only)))))
      throw new FeedloopError('BATCH_TOO_LARGE', `an output of ${stage.name} exceeds ${maxBatchBytes} bytes`)
    if (smallest) {
      tooLarge.add(nameOf(only!))
      squeeze.time = 1
    } else if (few) squeeze.time /= 2
    else squeeze.records = Math.max(1, Math.min(fitting, Math.floor(taken.records.length / 2)))
    return giveBack() ? 'quiet' : 'lost'
  }
  /** Lets the stage decide. What it saw and said are objects by the thousand, which the collector would copy again and
   * again while the append waits: beyond here only bytes are kept. */
  const decide = (taken: Taken, tick: Tick, view: V): Decided => {
    const beganMs = io.rim.now()
    const result = stage.step(state, taken.inputs.splice(0), tick, view)
    stepMs += io.rim.now() - beganMs
    emitted = options.observed ? result.outputs.filter(options.observed) : result.outputs
    return {
      outputs: encode(options.wire, output, result.outputs, tick.timeMs),
      refusals: result.refusals,
      counts: result.counts,
    }
  }
  const refuse = async (taken: Taken, refusals: readonly Refusal[]): Promise<void> => {
    const refused = refusedRecords({ stage: stage.name, prefix, wire: options.wire }, taken.records, refusals)
    for (const { record, error, input } of taken.undecodable) {
      refused.push({ origin: record, stage: stage.name, code: error.code, detail: error.message })
      // Who does not fold inputs again need not know which to leave out.
      if (keepsOverlay) unseen.push([input, record.offset])
    }
    if (refused.length === 0) return
    await bury(io, prefix, refused)
    for (const { code } of refused)
      counts.push({ metric: 'feedloop_dead_letters_total', labels: { stage: stage.name, code }, value: 1 })
  }
  const keepQuiet = (taken: Taken, tick: Tick): StepFate => {
    if (keepsOverlay) quiet.push({ next: cursors.map(cursor => cursor.position.next), tick })
    else for (const cursor of cursors) cursor.settle()
    return taken.records.length > 0 ? 'quiet' : 'idle'
  }
  /** What was accepted besides the own step, or instead of it. */
  const followOthers = async (others: readonly Batch[]): Promise<void> => {
    for (const batch of others) {
      await foldBatch(context, { state, cursors, clock }, batch)
      session.header = batch.header
    }
    const last = others.at(-1)
    if (last) options.followed?.({ baseOffset: last.head.offset, header: last.header })
  }
  const settle = async (id: string, accepted: readonly Batch[]): Promise<StepFate> => {
    acceptedMs = io.rim.now()
    const won = accepted[0]!.header.id === id
    meter.add('feedloop_steps_total', { stage: stage.name, result: won ? 'accepted' : 'lost' })
    if (won) makeSo(accepted[0]!)
    else if (!giveBack()) return 'lost'
    const others = won ? accepted.slice(1) : accepted
    if (others.length > 0)
      options.logger.warn(
        { stage: stage.name, partition: output.partition, others: others.length },
        'another task writes to this partition',
      )
    if (others.length > 0 && !keepsOverlay) return 'lost'
    await followOthers(others)
    return won ? 'accepted' : 'quiet'
  }
  const makeSo = ({ header, head }: Batch): void => {
    state.commit({ head, header })
    tooLarge.clear()
    for (const cursor of cursors) cursor.settle()
    session.header = header
    clock.advance(header.tick)
    for (const { metric, labels, value } of counts)
      meter.add(metric as Parameters<typeof meter.add>[0], { ...labels }, value)
    for (const [index, { input }] of cursors.entries())
      if (consumed[index]! > 0) countConsumed(meter, { stage: stage.name, ...input }, consumed[index]!)
    if (header.outputs > 0)
      meter.add('feedloop_records_produced_total', { stage: stage.name, topic: output.topic }, header.outputs)
    options.accepted?.({ baseOffset: head.offset, header, outputs: emitted, state, stepMs })
    forget()
    // twice as many at once would be too many again: of a backlog every other step would be decided in vain
    const more = Math.max(squeeze.records + 1, fitting)
    squeeze.records = Math.min(bounds.maxRecords, squeeze.records * 2, more)
    squeeze.time = Math.min(1, squeeze.time * 2)
    countSkipped()
  }
  const countSkipped = (): void => {
    const skips = [
      { topic: output.topic, skipped: writer.skipped },
      ...cursors.map(({ input, skipped: n }) => ({ topic: input.topic, skipped: n })),
    ]
    const total = skips.reduce((sum, { skipped: n }) => sum + n, 0)
    if (total === skippedBefore) return
    for (const [i, { topic, skipped: n }] of skips.entries())
      if (n > skippedOf[i]!)
        meter.add('feedloop_chain_skipped_batches_total', { stage: stage.name, topic }, n - skippedOf[i]!)
    skippedOf = skips.map(({ skipped: n }) => n)
    skippedBefore = total
  }
  const append = async (outputs: readonly NewRecord[], tick: Tick, taken: Taken): Promise<StepFate> => {
    const id = io.rim.randomId()
    const content = {
      inputs: cursors.map(cursor => cursor.position),
      ...(session.header === null && { from: begun }),
      tick,
      ...(quiet.length > 0 && { quiet }),
      ...(unseen.length > 0 && { unseen }),
      ...(stage.rules !== undefined && { rules: stage.rules }),
    }
    try {
      return await settle(id, await writer.append(id, content, outputs))
    } catch (error) {
      if (!isCode(error, 'BATCH_TOO_LARGE') || outputs.length === 0) throw error
      return halve(taken)
    }
  }
  return {
    due: () =>
      cursors.some(cursor => cursor.ready) ||
      squeeze.time < 1 ||
      progressDue() ||
      stage.due?.(state, tickNow()) === true,
    async step() {
      const room = state.room?.()
      if (room) await room
      const taken = await take()
      const tick = tickNow()
      const goesOn =
        taken.inputs.length > 0 ||
        taken.undecodable.length > 0 ||
        progressDue() ||
        squeeze.time < 1 ||
        stage.due?.(state, tick) === true
      moved = true
      if (!goesOn) return 'idle'
      const lent = await options.before?.({ inputs: taken.inputs, state, tick })
      const decided = decide(taken, tick, lent ?? options.view())
      const { outputs } = decided
      clock.advance(tick)
      const bytes = outputs.length > 0 ? batchBytesAtMost(outputs) + stepHeaderBytes : 0
      fitting = bytes > 0 ? Math.floor((FILLED * maxBatchBytes * taken.records.length) / bytes) : bounds.maxRecords
      if (bytes > maxBatchBytes) return halve(taken)
      await refuse(taken, decided.refusals)
      counts.push(...decided.counts)
      taken.counts.forEach((count, index) => {
        consumed[index]! += count
      })
      // Under a squeeze even silence is progress in time, and it must last.
      if (outputs.length === 0 && squeeze.time === 1 && !progressDue()) return keepQuiet(taken, tick)
      return append(outputs, tick, taken)
    },
  }
}

const nameOf = ({ topic, partition, offset }: LogRecord): string => `${topic}/${partition}/${offset}`

/** Every input gets an even share of a step first, so that none starves another; what is left goes in order. */
function takeFairly(cursors: Session<StageState>['cursors'], maxRecords: number, maxBytes: number): LogRecord[][] {
  const share = Math.floor(maxRecords / cursors.length)
  const bytes = Math.floor(maxBytes / cursors.length)
  const takes = cursors.map(cursor => (share > 0 ? cursor.take(share, bytes) : []))
  let left = maxRecords - takes.reduce((sum, { length }) => sum + length, 0)
  for (const [index, cursor] of cursors.entries()) {
    if (left <= 0 || !cursor.ready) continue
    const more = cursor.take(left, bytes)
    left -= more.length
    takes[index]!.push(...more)
  }
  return takes
}
