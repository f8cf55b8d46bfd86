/**
 * So many people with full histories stand in `snapshots`, none of them in the other topics any more. A task recovers from
 * there: into memory, and onto an empty disk.
 */
import { rm } from 'node:fs/promises'
import { parseConfig } from '../../src/config.ts'
import { recover } from '../../src/log/chain/recover.ts'
import { suitCollector } from '../../src/operate/collector.ts'
import { localState } from '../../src/operate/local-state.ts'
import { openNewChain } from '../../src/operate/repartition/chains.ts'
import { rankerCodecs, rankerVersion } from '../../src/ranker/layout.ts'
import { containedAt, floorSnapshot, snapshotOf } from '../../src/ranker/snapshot.ts'
import { openSnapshotTopic } from '../../src/ranker/snapshot-topic.ts'
import { withSnapshots } from '../../src/ranker/snapshots.ts'
import { heapTables, type RankerStore } from '../../src/ranker/state.ts'
import { createRanker } from '../../src/ranker/step.ts'
import { openEmbeddedBench } from '../embedded.ts'
import { personOf, sessionOf, userName } from './load.ts'

export interface RestoreResult {
  readonly users: number
  readonly snapshotBytes: number
  readonly memorySeconds: number
  readonly diskSeconds: number
}

const BATCH = 200
const { folder, users } = JSON.parse(process.argv[2]!) as { folder: string; users: number }
suitCollector(['ranker'], true)
const prefix = 'bench.'
const config = parseConfig({ state: { folder }, topics: { prefix, partitions: 1 } })
const { log, io, wire, meter, logger } = await openEmbeddedBench(prefix)
const inputs = (['profiles', 'events', 'requests'] as const).map(topic => ({ topic, partition: 0 }))

const at = { topic: `${prefix}recommendations`, partition: 0 }
const chain = openNewChain(io, at, 1, { timeMs: Date.now(), watermarkMs: -1 })
const { head } = await chain.step(inputs.map(input => ({ ...input, next: 0 })))
const point = { head, header: chain.last!.header }
const topic = await openSnapshotTopic(io, { wire, logger, meter, prefix, partition: 0 })
const startMs = Date.now()
let snapshotBytes = 0
for (let from = 0; from < users; from += BATCH) {
  const { tables } = heapTables()
  const records = Array.from({ length: Math.min(BATCH, users - from) }, (_, i) => {
    const userId = userName(from + i)
    tables.people.set(userId, personOf(from + i, config.state.historyLength, startMs))
    tables.sessions.set(userId, sessionOf(from + i, startMs))
    return topic.record(userId, snapshotOf(tables, userId, containedAt(point)))
  })
  for (const { value } of records) snapshotBytes += value!.length
  await topic.append(records)
}
await topic.append([topic.record('', floorSnapshot({ point: JSON.stringify(point), since: 0, until: topic.end() }))])

async function restored(open: () => Promise<RankerStore> | RankerStore): Promise<number> {
  const begun = performance.now()
  const kept = async () => withSnapshots({ io, wire, config, meter, logger, partition: 0 }, await open())
  const session = await recover({
    options: {
      ...{ log, wire, meter, logger, prefix, inputs, now: Date.now, step: config.step },
      stage: createRanker(config, kept),
      output: { topic: 'recommendations', partition: 0 },
      view: () => {
        throw new Error('nothing is decided')
      },
    },
    io,
    squeeze: { records: 1000, time: 1 },
    notify: () => {},
  })
  const seconds = (performance.now() - begun) / 1000
  const { size } = session.state.tables.people
  if (size !== users) throw new Error(`${size} of ${users} users came back`)
  await session.close()
  return seconds
}

const openStore = localState(
  { config, logger, meter, now: Date.now },
  { stage: 'ranker', version: rankerVersion, codecs: rankerCodecs },
)
const memorySeconds = await restored(heapTables)
const diskSeconds = await restored(() => openStore!(0))
await rm(folder, { recursive: true, force: true })
const result: RestoreResult = { users, snapshotBytes: Math.round(snapshotBytes / users), memorySeconds, diskSeconds }
process.stdout.write(JSON.stringify(result), () => process.exit(0))
