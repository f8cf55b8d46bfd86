/**
 * `feedloop chain adopt`: an operator's decision that a chained partition goes on from here although the log is not the
 * one that was known, or has no anchor left. It starts an epoch at the log end, which every reader recognises by its
 * number, and from then on nothing of an older epoch is accepted.
 *
 * The epoch's number is the time in seconds, above any that is seen: readers that remember an epoch which the log has
 * lost still take it as newer. A second batch names the first, so that it is an anchor for who starts anywhere.
 */
import { FeedloopError } from '../../errors.ts'
import { topicName } from '../../pipeline.ts'
import type { Log } from '../log.ts'
import { batchCutter } from './batches.ts'
import type { Head, InputPosition, StepHeader } from './header.ts'
import type { ChainIo, Partition, Rim } from './rim.ts'
import { realRim, retrying } from './rim.ts'
import { chainRules } from './rules.ts'
import type { TaskInput } from './task.ts'
import { createWriter } from './writer.ts'

export interface AdoptOptions {
  readonly log: Log
  readonly prefix: string
  readonly output: TaskInput
  /** Where the new epoch's first step begins; absent: where the log's last readable step stood. */
  readonly inputs?: readonly InputPosition[]
  readonly rim?: Rim
}

export interface Adopted {
  readonly epoch: number
  readonly head: Head
  readonly inputs: readonly InputPosition[]
}

/**
 * Stop the partition's tasks first: a rival that writes in between makes this fail, not wrong.
 * @throws FeedloopError CHAIN_NO_ANCHOR when no step in the log says where the inputs stood and none are given
 */
export async function adoptChain(options: AdoptOptions): Promise<Adopted> {
  const rim = options.rim ?? realRim()
  const io: ChainIo = { log: options.log, rim, rules: chainRules }
  const at = { topic: topicName(options.prefix, options.output.topic), partition: options.output.partition }
  const { last, end, maxEpoch } = await lastStep(io, at)
  const inputs = options.inputs ?? last?.inputs
  if (inputs === undefined)
    throw new FeedloopError('CHAIN_NO_ANCHOR', `${at.topic}/${at.partition} holds no step: say where its inputs begin`)
  const epoch = Math.max(maxEpoch + 1, Math.floor(rim.now() / 1000))
  const partitions = await retrying(io, () => io.log.partitionCount(at.topic))
  const writer = createWriter(io, at, { head: null, end, partitions, newEpoch: epoch })
  const tick = last?.tick ?? { timeMs: rim.now(), watermarkMs: -1 }
  for (let batch = 0; batch < 2; batch++) {
    const id = rim.randomId()
    const [accepted] = await writer.append(id, { inputs, tick }, [])
    if (accepted?.header.id !== id)
      throw new FeedloopError('CHAIN_IDENTITY_LOST', `${at.topic}/${at.partition}: another was adopted first`)
  }
  return { epoch, head: writer.head!, inputs }
}

async function lastStep(
  io: ChainIo,
  at: Partition,
): Promise<{ last: StepHeader | null; end: number; maxEpoch: number }> {
  const { earliest, latest } = await retrying(io, () => io.log.ends(at.topic, at.partition))
  const cut = batchCutter(earliest > 0)
  let last: StepHeader | null = null
  let maxEpoch = 0
  for (let offset = earliest; offset < latest; ) {
    const records = await retrying(io, () => io.log.read(at.topic, at.partition, offset))
    if (records.length === 0) break
    for (const { header } of cut(records)) {
      last = header
      maxEpoch = Math.max(maxEpoch, header.epoch)
    }
    offset = records.at(-1)!.offset + 1
  }
  return { last, end: latest, maxEpoch }
}
