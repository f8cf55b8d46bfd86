/**
 * A sealed chain goes nowhere: its last batch names a partition count that no topic has, so every task that reads it,
 * running or started again, stops with PARTITION_COUNT_CHANGED. The seal is a step like any other: of it and a task's
 * step the first in the log wins, and everything is known to be before or after it.
 */
import { openFeed } from '../../log/chain/feed.ts'
import type { StepHeader } from '../../log/chain/header.ts'
import type { ChainIo, Partition } from '../../log/chain/rim.ts'
import { createWriter, SEALED } from '../../log/chain/writer.ts'

/** Seals a chain; once sealed it stays as it is. Returns the header of its last step; null: it never had one.
 * @throws FeedloopError CHAIN_IDENTITY_LOST */
export async function sealChain(io: ChainIo, at: Partition): Promise<StepHeader | null> {
  for (;;) {
    const { last, header, end } = await readToEnd(io, at)
    if (last?.partitions === SEALED) return header
    const writer = createWriter(io, at, { head: header === null ? null : last!.head, end, partitions: SEALED })
    const id = io.rim.randomId()
    const { inputs, tick } = header ?? { inputs: [], tick: { timeMs: io.rim.now(), watermarkMs: -1 } }
    const [first] = await writer.append(id, { inputs, tick }, [])
    if (first?.header.id === id) return header
    // a task's step came first: then its header is the last one
  }
}

async function readToEnd(io: ChainIo, at: Partition) {
  const feed = await openFeed(io, at, null)
  let header: StepHeader | null = null
  let last: { readonly partitions: number; readonly head: NonNullable<typeof feed.reader.head> } | null = null
  do
    for (const batch of await feed.poll()) {
      last = { partitions: batch.header.partitions, head: batch.head }
      if (batch.header.partitions !== SEALED) header = batch.header
    }
  while (!feed.atEnd)
  return { last, header, end: feed.offset }
}
