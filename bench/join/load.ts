/**
 * Fills the input topics before anything is measured. Ours are `recommendations`, in batches with the chain's header as
 * the ranker writes them, and `events`, both keyed by user. The peers' are the same values keyed by decision id, because a
 * Kafka Streams join is by key: so nothing is decoded there and no repartitioning is measured.
 */

import { realRim } from '../../src/log/chain/rim.ts'
import { chainRules } from '../../src/log/chain/rules.ts'
import { createWriter } from '../../src/log/chain/writer.ts'
import type { Log, NewRecord } from '../../src/log/log.ts'
import { partitionFor } from '../../src/log/partition.ts'
import type { Wire } from '../../src/log/wire/wire.ts'
import { clickEvery, createWorkload } from './workload.ts'

export const PARTITIONS = 8
const DECISIONS_A_BATCH = 400
const OUTCOMES_A_BATCH = 1500

export interface InputTopics {
  readonly recommendations: string
  readonly events: string
  /** Keyed by decision id. */
  readonly decisions: string
  readonly outcomes: string
}

export interface Loaded {
  readonly records: number
  readonly decisionBytes: number
  readonly outcomeBytes: number
}

/** Bytes are means over the values, without key and record overhead. */
export async function load(log: Log, wire: Wire, topics: InputTopics, decisions: number): Promise<Loaded> {
  const workload = createWorkload(decisions, Date.now() - 3_600_000)
  const chained = chainedLanes(log, topics.recommendations)
  const events = plainLanes(log, topics.events, OUTCOMES_A_BATCH)
  const decisionsById = plainLanes(log, topics.decisions, DECISIONS_A_BATCH)
  const outcomesById = plainLanes(log, topics.outcomes, OUTCOMES_A_BATCH)
  const loaded = { records: 0, decisionBytes: 0, outcomeBytes: 0 }
  for (let index = 0; index < decisions; index++) {
    const decision = workload.decision(index)
    const { decision_id: id, user_id: user } = decision
    const value = wire.encode('recommendations', decision)
    const timestampMs = decision.request_time_ms
    await chained.add(user, { key: Buffer.from(user), value, timestampMs })
    await decisionsById.add(id, { key: Buffer.from(id), value, timestampMs })
    loaded.decisionBytes += value.length / decisions
    loaded.records++
    if (index % clickEvery !== 0) continue
    const click = workload.click(decision)
    const outcome = { value: wire.encode('events', click), timestampMs: click.time_ms }
    await events.add(user, { ...outcome, key: Buffer.from(user) })
    await outcomesById.add(id, { ...outcome, key: Buffer.from(id) })
    loaded.outcomeBytes += (outcome.value.length * clickEvery) / decisions
    loaded.records++
  }
  for (const lanes of [chained, events, decisionsById, outcomesById]) await lanes.flush()
  return loaded
}

interface Lanes {
  /** Adds to the key's partition, and appends a batch when there is one. */
  add(key: string, record: NewRecord): Promise<void>
  flush(): Promise<void>
}

function lanes(size: number, append: (partition: number, records: readonly NewRecord[]) => Promise<unknown>): Lanes {
  const waiting: NewRecord[][] = Array.from({ length: PARTITIONS }, () => [])
  const send = (partition: number) => append(partition, waiting[partition].splice(0))
  return {
    async add(key, record) {
      const partition = partitionFor(key, PARTITIONS)
      if (waiting[partition].push(record) >= size) await send(partition)
    },
    async flush() {
      for (const partition of waiting.keys()) if (waiting[partition].length > 0) await send(partition)
    },
  }
}

const plainLanes = (log: Log, topic: string, size: number): Lanes =>
  lanes(size, (partition, records) => log.append(topic, partition, records))

/** In batches with the chain's header, as our stages write them. */
export function chainedLanes(log: Log, topic: string): Lanes {
  const io = { log, rim: realRim(), rules: chainRules }
  const start = { head: null, end: 0, partitions: PARTITIONS }
  const writers = Array.from({ length: PARTITIONS }, (_, partition) => createWriter(io, { topic, partition }, start))
  return lanes(DECISIONS_A_BATCH, (partition, records) => {
    const timeMs = records.at(-1)!.timestampMs!
    const content = { inputs: [], tick: { timeMs, watermarkMs: timeMs } }
    return writers[partition].append(io.rim.randomId(), content, records)
  })
}
