/**
 * The writer's rule. After each append the acknowledged offset is compared with the log end that the writer knew; a gap
 * means that somebody wrote in between (a rival, or an own append that was repeated), so the gap is read by the reader's
 * rule. An append without an acknowledgement may be stored now, later or never: the log is read, and where it does not
 * settle the question the *same* batch (same id, same `prev`) is appended again. Both copies name the same `prev`, so
 * at most one of them is ever accepted, and whichever it is carries the id that the writer waits for.
 *
 * One append in flight. The caller drops a lost step's effects and goes on from the winner's progress.
 */
import { FeedloopError } from '../../errors.ts'
import type { NewRecord } from '../log.ts'
import type { Batch } from './batches.ts'
import { openFeed, verifyHead } from './feed.ts'
import type { Head, StepHeader } from './header.ts'
import { encodeHeader, STEP_HEADER, sameHead } from './header.ts'
import type { ChainIo, Partition } from './rim.ts'
import { backoffMs, retrying, Stopped } from './rim.ts'

/** What a step says of itself; the writer adds identity and `prev`. */
export type StepContent = Pick<StepHeader, 'inputs' | 'from' | 'tick' | 'quiet' | 'unseen' | 'rules'>

export interface Writer {
  readonly head: Head | null
  /** The log end as this writer knows it. */
  readonly end: number
  /** Batches of others that lost against this writer's, or came too late. */
  readonly skipped: number
  /** Appends one step. Returns what was accepted since the last call, in order: the own batch first (`records` empty,
   * see `header.id`) when it won, then any that others put after it; or the winners only, when it lost.
   * @throws FeedloopError BATCH_TOO_LARGE (nothing was appended), CHAIN_IDENTITY_LOST, PARTITION_COUNT_CHANGED */
  append(id: string, content: StepContent, outputs: readonly NewRecord[]): Promise<readonly Batch[]>
  /** Verifies that the log is still the one written to. @throws FeedloopError CHAIN_IDENTITY_LOST, PARTITION_COUNT_CHANGED */
  check(): Promise<void>
}

export interface WriterStart {
  readonly head: Head | null
  /** The last batch before `end`, accepted or not; `head` when absent. */
  readonly last?: Head | null
  readonly end: number
  readonly partitions: number
  /** Epoch to begin with the first append; else that of `head`. */
  readonly newEpoch?: number
}

export function createWriter(io: ChainIo, at: Partition, start: WriterStart): Writer {
  let { head, end } = start
  let last = start.last ?? head
  let newEpoch = start.newEpoch
  let skipped = 0
  /** When the log was last known to hold what it held. */
  let soundMs = Number.NEGATIVE_INFINITY
  const place = `${at.topic}/${at.partition}`

  const move = (batch: Batch): void => {
    last = head = batch.head
    newEpoch = undefined
  }
  /** What was read last may have come after what was lost, and after the head may stand a batch that is lost. */
  const verify = async (): Promise<void> => {
    if (head !== null) await verifyHead(io, at, { head, next: end })
    if (last !== null && !(head !== null && sameHead(last, head))) await verifyHead(io, at, { head: last, next: end })
  }
  /** The question is as old as its asking: a process may be held up while the answer is on its way. */
  const breakSilence = async (): Promise<void> => {
    while (last !== null && io.rim.now() - soundMs > io.rules.silentMs) {
      const askedMs = io.rim.now()
      await verify()
      soundMs = askedMs
    }
  }
  /** Reads from the known end to the log's, by the reader's rule. */
  const catchUp = async (): Promise<Batch[]> => {
    const beganMs = io.rim.now()
    // A first batch of an epoch follows nothing: only a newer epoch's beginning counts, which is ours or a rival's.
    const from = newEpoch === undefined ? head : { offset: -1, id: '', epoch: newEpoch - 1 }
    const feed = await openFeed(io, at, { next: end, head: from })
    const accepted: Batch[] = []
    soundMs = beganMs
    do {
      for (const batch of await feed.poll()) {
        if (sameHead(batch.head, from)) continue
        if (batch.header.partitions === SEALED && start.partitions !== SEALED)
          throw partitionsChanged(at.topic, SEALED, start.partitions)
        // All below `end` was judged before, and this was not there.
        if (io.rules.reaches(batch.end - 1, end)) accepted.push(batch)
        else throw new FeedloopError('CHAIN_IDENTITY_LOST', `${place}: another batch stands at ${batch.head.offset}`)
      }
    } while (!feed.atEnd)
    // Held up meanwhile, what it began from may be gone, and a stray that names it was read; so may be what it read since.
    await breakSilence()
    for (const batch of accepted) move(batch)
    end = Math.max(end, feed.offset)
    last = feed.reader.last ?? last
    skipped += feed.reader.skipped
    if (soundMs !== beganMs) soundMs = Number.NEGATIVE_INFINITY
    await breakSilence()
    return accepted
  }
  /** What the log says about the batch `id` that was put at `base`; null while it says nothing. */
  const settle = async (base: number, own: Batch): Promise<readonly Batch[]> => {
    if (!io.rules.reaches(base, end))
      throw new FeedloopError('CHAIN_IDENTITY_LOST', `${place} ended at ${base}, was written to ${end}`)
    if (!io.rules.adjacent(base, end)) return catchUp()
    const accepted = { ...own, head: { ...own.head, offset: base }, end: base + own.header.count }
    move(accepted)
    end = accepted.end
    return [accepted]
  }
  return {
    get head() {
      return head
    },
    get end() {
      return end
    },
    get skipped() {
      return skipped
    },
    async append(id, content, outputs) {
      const own = ownBatch(id, content, outputs.length, { head, newEpoch, partitions: start.partitions })
      const records = withHeader(own.header, outputs)
      for (let attempt = 0; ; attempt++) {
        let settled: readonly Batch[]
        await breakSilence()
        soundMs = io.rim.now()
        try {
          settled = await settle(await io.log.append(at.topic, at.partition, records), own)
        } catch (error) {
          if (!io.rules.mayBeStored(error)) throw error
          await io.rim.sleep(backoffMs(attempt), io.signal)
          settled = await catchUp()
        }
        if (settled.length > 0) return settled
        if (io.signal?.aborted) throw new Stopped()
      }
    },
    async check() {
      const partitions = await retrying(io, () => io.log.partitionCount(at.topic))
      if (!io.rules.keepsPartitions(start.partitions, partitions))
        throw partitionsChanged(at.topic, start.partitions, partitions)
      if (last !== null) await verify()
    },
  }
}

/** The partition count that a sealed chain's last batch names (src/operate/repartition): none has it. */
export const SEALED = 2 ** 31 - 1

export const partitionsChanged = (topic: string, was: number, is: number): FeedloopError =>
  new FeedloopError(
    'PARTITION_COUNT_CHANGED',
    was === SEALED
      ? `${topic} was moved to other topics and sealed; see docs/repartition.md`
      : `${topic} was written with ${was} partitions and has ${is}`,
  )

interface Place {
  readonly head: Head | null
  readonly newEpoch: number | undefined
  readonly partitions: number
}

function ownBatch(id: string, content: StepContent, outputs: number, { head, newEpoch, partitions }: Place): Batch {
  const epoch = newEpoch ?? head?.epoch ?? 0
  const prev = newEpoch !== undefined || head === null ? null : { offset: head.offset, id: head.id }
  const header: StepHeader = {
    version: 1,
    id,
    prev,
    epoch,
    ...content,
    count: Math.max(1, outputs),
    outputs,
    partitions,
  }
  return { head: epoch > 0 ? { offset: -1, id, epoch } : { offset: -1, id }, header, records: [], end: -1 }
}

function withHeader(header: StepHeader, outputs: readonly NewRecord[]): readonly NewRecord[] {
  const step = { [STEP_HEADER]: encodeHeader(header) }
  const [first, ...rest] = outputs
  if (first === undefined) return [{ key: null, value: null, headers: step, timestampMs: header.tick.timeMs }]
  return [{ ...first, headers: { ...first.headers, ...step } }, ...rest]
}
