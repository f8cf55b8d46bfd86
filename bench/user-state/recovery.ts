/**
 * A ranker on an embedded log hears of so many users and decides for some, writes its snapshots, decides for a few more, and
 * its state is abandoned as a kill leaves it: without its last second. Then a task recovers from what is on disk, from the
 * snapshots and the steps after them, and from the topics alone.
 */
import { rm } from 'node:fs/promises'
import { parseConfig } from '../../src/config.ts'
import { recover } from '../../src/log/chain/recover.ts'
import { startTask, type TaskOptions } from '../../src/log/chain/task.ts'
import { suitCollector } from '../../src/operate/collector.ts'
import { localState } from '../../src/operate/local-state.ts'
import type { TopicName } from '../../src/pipeline.ts'
import type { RankerView } from '../../src/ranker/decide.ts'
import { rankerCodecs, rankerVersion } from '../../src/ranker/layout.ts'
import { openSnapshotTopic } from '../../src/ranker/snapshot-topic.ts'
import { withSnapshots } from '../../src/ranker/snapshots.ts'
import { heapTables, type RankerState, type RankerStore } from '../../src/ranker/state.ts'
import { createRanker } from '../../src/ranker/step.ts'
import type { ChainPoint } from '../../src/stage.ts'
import { openEmbeddedBench } from '../embedded.ts'
import { catalogue, eventOf, policy, requestOf } from './load.ts'

export interface RecoveryResult {
  readonly users: number
  readonly events: number
  readonly decisions: number
  readonly localSeconds: number
  /** Decisions after all was in snapshots. */
  readonly tailDecisions: number
  readonly snapshotsSeconds: number
  readonly topicsSeconds: number
}

const BATCH = 2000
const EVENTS_EACH = 2
const DECISIONS_FOR = 0.1
const TAIL = 5000
const { folder, users } = JSON.parse(process.argv[2]!) as { folder: string; users: number }
suitCollector(['ranker'], true)
const prefix = 'bench.'
const config = parseConfig({ state: { folder, snapshotMs: 0 }, topics: { prefix, partitions: 1 } })
const { log, io, wire, meter, logger } = await openEmbeddedBench(prefix)
const openStore = localState(
  { config, logger, meter, now: Date.now },
  { stage: 'ranker', version: rankerVersion, codecs: rankerCodecs },
)
const serving = { policy, releaseVersion: 'bench', mode: 'online', evidence: {} } as const
const view = { features: catalogue(), serving: () => serving, catalogueReady: true }

type Where = 'disk' | 'snapshots' | 'topics'
/** What a task does that writes snapshots as fast as it can. */
const saved = async (store: RankerStore): Promise<RankerStore> =>
  withSnapshots({ io, wire, config, meter, logger, partition: 0, pace: { pauseMs: 1 } }, store)
const stores: Readonly<Record<Where, () => Promise<RankerStore>>> = {
  disk: () => openStore!(0),
  snapshots: () => saved(heapTables()),
  topics: async () => heapTables(),
}

const optionsWith = (open: () => Promise<RankerStore>): TaskOptions<RankerState, RankerView> => ({
  log,
  wire,
  meter,
  logger,
  stage: createRanker(config, open),
  prefix,
  inputs: (['profiles', 'events', 'requests'] as const).map(topic => ({ topic, partition: 0 })),
  output: { topic: 'recommendations', partition: 0 },
  view: () => view,
  now: Date.now,
  step: { ...config.step, intervalMs: 0 },
})
const recovered = async (where: Where): Promise<number> => {
  const begun = performance.now()
  const options = optionsWith(stores[where])
  const session = await recover({ options, io, squeeze: { records: BATCH, time: 1 }, notify: () => {} })
  const seconds = (performance.now() - begun) / 1000
  const { size } = session.state.tables.people
  if (size !== users) throw new Error(`${size} of ${users} users came back`)
  await session.close()
  return seconds
}

const decisions = Math.round(users * DECISIONS_FOR)
const put = async (topic: TopicName, count: number, made: (index: number) => { user_id: string }) => {
  for (let from = 0; from < count; from += BATCH) {
    const values = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => made(from + i))
    await log.append(
      `${prefix}${topic}`,
      0,
      values.map(value => ({ key: Buffer.from(value.user_id), value: wire.encode(topic, value) })),
    )
  }
}
const startMs = Date.now() - 86_400_000
let taken = { events: 0, requests: 0, base: 0 }
const options = optionsWith(async () => saved(await stores.disk()))
const abandoned = async (partition: number) => ({ ...(await options.stage.open(partition)), close: undefined })
const task = startTask({
  ...options,
  stage: { ...options.stage, open: abandoned },
  observed: () => false,
  accepted({ header, baseOffset }) {
    const next = (topic: string) => header.inputs.find(input => input.topic === topic)!.next
    taken = { events: next('events'), requests: next('requests'), base: baseOffset }
  },
})
await task.ready
await put('events', users * EVENTS_EACH, i => eventOf(i % users, Math.floor(i / users), startMs + i))
await put('requests', decisions, i => requestOf(i * 7, 0, startMs + i))
const until = async (look: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await look())) await io.rim.sleep(100)
}
await until(() => taken.events === users * EVENTS_EACH && taken.requests === decisions)
const floor = async (): Promise<number> => {
  const topic = await openSnapshotTopic(io, { wire, logger, meter, prefix, partition: 0 })
  const point = (await topic.lastFloor()).floor?.point
  return point ? (JSON.parse(point) as ChainPoint).head.offset : 0
}
const waiting = async (): Promise<number> =>
  (await meter.registry.getSingleMetric('feedloop_snapshots_waiting')?.get())?.values[0]?.value ?? 1
await until(async () => (await waiting()) === 0 && (await floor()) >= taken.base)
const { latest: saidUntil } = await log.ends(`${prefix}recommendations`, 0)
await put('requests', TAIL, i => requestOf(i * 7, 1, startMs + i))
await until(() => taken.requests === decisions + TAIL)
await task.stop()
const tailDecisions = (await log.ends(`${prefix}recommendations`, 0)).latest - saidUntil

const localSeconds = await recovered('disk')
const snapshotsSeconds = await recovered('snapshots')
const topicsSeconds = await recovered('topics')
await rm(folder, { recursive: true, force: true })
const result: RecoveryResult = {
  users,
  events: users * EVENTS_EACH,
  decisions,
  localSeconds,
  tailDecisions,
  snapshotsSeconds,
  topicsSeconds,
}
process.stdout.write(JSON.stringify(result), () => process.exit(0))
