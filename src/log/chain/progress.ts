/**
 * Progress as group commits: for lag tools and autoscalers, and for recovery once the whole chain has expired. The text
 * kept beside each input's offset holds that input's upstream head and the writer's own head. It is a copy: while the
 * chain has an anchor, the chain is the truth.
 */
import { FeedloopError } from '../../errors.ts'
import { topicName } from '../../pipeline.ts'
import type { Committed } from '../log.ts'
import type { Head, InputPosition, StepHeader } from './header.ts'
import { sameHead } from './header.ts'
import type { ChainIo } from './rim.ts'
import { retrying } from './rim.ts'
import type { TaskInput } from './task.ts'

interface Kept {
  readonly own: Head
  readonly head?: Head | null
  readonly tick: StepHeader['tick']
  readonly partitions: number
}

/** An accepted step, and where it stands in the output. */
export interface Progress {
  readonly baseOffset: number
  readonly header: StepHeader
}

/** What a service commits after an accepted step. */
export const committedOf = (prefix: string, { baseOffset, header }: Progress): Committed[] =>
  header.inputs.map(({ topic, partition, next, head }) => {
    const own: Head =
      header.epoch > 0
        ? { offset: baseOffset, id: header.id, epoch: header.epoch }
        : { offset: baseOffset, id: header.id }
    const kept: Kept = { own, head: head ?? null, tick: header.tick, partitions: header.partitions }
    return { topic: `${prefix}${topic}`, partition, offset: next, metadata: JSON.stringify(kept) }
  })

export interface AnchorOptions {
  readonly prefix: string
  readonly group?: string
  readonly inputs: readonly TaskInput[]
  readonly output: TaskInput
}

export interface Anchor {
  readonly head: Head
  readonly header: StepHeader
}

/**
 * The anchor that the group keeps, when the log has none.
 * @throws FeedloopError CHAIN_NO_ANCHOR when it keeps none, CHAIN_IDENTITY_LOST when the log ends below it
 */
export async function anchorOf(io: ChainIo, options: AnchorOptions, end: number): Promise<Anchor> {
  const { group, prefix, inputs, output } = options
  const none = new FeedloopError(
    'CHAIN_NO_ANCHOR',
    `${prefix}${output.topic}/${output.partition} has no accepted batch up to ${end}`,
  )
  if (group === undefined) throw none
  const positions: InputPosition[] = []
  let common: Kept | null = null
  for (const input of inputs) {
    const all = await retrying(io, () => io.log.committed(group, topicName(prefix, input.topic)))
    const kept = read(all.find(one => one.partition === input.partition))
    if (kept === null || (common !== null && !sameHead(kept.own, common.own))) throw none
    common = kept
    positions.push(kept.head ? { ...input, next: kept.next, head: kept.head } : { ...input, next: kept.next })
  }
  if (common === null) throw none
  if (!io.rules.reaches(end, common.own.offset + 1))
    throw new FeedloopError(
      'CHAIN_IDENTITY_LOST',
      `${prefix}${output.topic}/${output.partition} ends at ${end}; the group knows ${common.own.offset}`,
    )
  const { own, tick, partitions } = common
  return {
    head: own,
    header: {
      version: 1,
      id: own.id,
      prev: null,
      epoch: own.epoch ?? 0,
      inputs: positions,
      tick,
      count: 1,
      outputs: 0,
      partitions,
    },
  }
}

/** The accepted batch that holds or precedes a committed position of a chained topic. */
export const keptHead = (committed: Committed): Head | null => read(committed)?.head ?? null

function read(committed: Committed | undefined): (Kept & { next: number }) | null {
  try {
    const kept = JSON.parse(committed?.metadata ?? '') as Kept
    return typeof kept.own?.id === 'string' ? { ...kept, next: committed!.offset } : null
  } catch {
    return null
  }
}
