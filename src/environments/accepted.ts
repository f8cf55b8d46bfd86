/** The accepted decisions of all partitions of `recommendations`, as they come: what any service that shows them reads. */
import type { Recommendation } from '../../schemas/records.ts'
import { openFeed } from '../log/chain/feed.ts'
import { realRim, Stopped } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import type { Log } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import { topicName } from '../pipeline.ts'

export interface AcceptedSource {
  readonly log: Log
  readonly wire: Wire
  readonly prefix: string
}

const WAIT_MS = 500

/** Calls `take` for every accepted decision from the beginning of the log on. Resolves when `signal` aborts.
 * @throws FeedloopError CHAIN_IDENTITY_LOST and what the log throws */
export async function readAccepted(
  { log, wire, prefix }: AcceptedSource,
  take: (decision: Recommendation) => void,
  signal: AbortSignal,
): Promise<void> {
  const topic = topicName(prefix, 'recommendations')
  const readPartition = async (partition: number): Promise<void> => {
    const feed = await openFeed({ log, rim: realRim(), rules: chainRules, signal }, { topic, partition }, null)
    while (!signal.aborted)
      for (const batch of await feed.poll({ waitMs: WAIT_MS, signal }))
        for (const record of batch.records) take(wire.decode('recommendations', record.value!) as Recommendation)
  }
  const partitions = Array.from({ length: await log.partitionCount(topic) }, (_, partition) => partition)
  await Promise.all(partitions.map(readPartition)).catch((error: unknown) => {
    if (!signal.aborted && !(error instanceof Stopped)) throw error
  })
}
