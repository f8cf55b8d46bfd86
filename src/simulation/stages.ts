/** The real stages as the services wire them, but for the rim: inputs of each task, and what the rim lends its steps. */
import type { ItemFeatures, ModelVersion, Release } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { createFeatureStore, vectorToBytes } from '../features/store.ts'
import { createGate } from '../gate/step.ts'
import { createLearnerStage } from '../learner/step.ts'
import type { WarmStart } from '../learner/warm-start.ts'
import { openFeed } from '../log/chain/feed.ts'
import type { ChainIo } from '../log/chain/rim.ts'
import type { TaskInput } from '../log/chain/task.ts'
import type { Wire } from '../log/wire/wire.ts'
import { createServing, type Serving } from '../models/serving.ts'
import type { TopicName } from '../pipeline.ts'
import { type RankerStore, heapTables as rankersTables } from '../ranker/state.ts'
import { createRanker } from '../ranker/step.ts'
import type { Stage } from '../stage.ts'
import { joinersWire } from '../transitions/decision.ts'
import { heapTables as joinersTables } from '../transitions/state.ts'
import { createJoiner } from '../transitions/step.ts'
import type { SimulatedDisk } from './disk.ts'
import { EPOCH_MS, items, PARTITIONS } from './plan.ts'

// biome-ignore lint/suspicious/noExplicitAny: the four stages share nothing but the contract
export type AnyStage = Stage<any, any>
export type StageKind = 'ranker' | 'joiner' | 'learner' | 'gate'

/** Where a machine's state of a partition outlives its process; none: nowhere. */
export interface Keeps {
  readonly disk?: SimulatedDisk
  readonly snapshots?: (store: RankerStore, partition: number, signal?: AbortSignal) => Promise<RankerStore>
}

export interface Wiring {
  readonly output: TopicName
  readonly inputs: (partition: number) => readonly TaskInput[]
  readonly stage: (config: Config, keeps?: Keeps) => AnyStage
  readonly wire: (wire: Wire) => Wire
}

/** What every learner starts from: one decision, of which nothing came. */
export const logged: WarmStart = {
  digest: 'logged',
  refused: {},
  rows: [
    {
      events: [],
      request: {
        request_id: 'logged',
        user_id: 'ann',
        session_id: null,
        policy: 'default',
        time_ms: EPOCH_MS,
        deadline_ms: null,
        slots: 1,
        context: {},
        candidates: null,
        baseline: [items[0]],
        excluded: null,
        pinned: null,
        deferred: false,
        explain: false,
      },
    },
  ],
}

const same = (wire: Wire): Wire => wire
const of = (partition: number, ...topics: TopicName[]): TaskInput[] => topics.map(topic => ({ topic, partition }))

export const wiring: Readonly<Record<StageKind, Wiring>> = {
  ranker: {
    output: 'recommendations',
    inputs: partition => of(partition, 'profiles', 'events', 'requests'),
    stage: (config, { disk, snapshots } = {}) =>
      createRanker(config, async (partition, signal) => {
        const store = disk?.open(rankersTables) ?? rankersTables()
        return snapshots?.(store, partition, signal) ?? store
      }),
    wire: same,
  },
  joiner: {
    output: 'transitions',
    inputs: partition => of(partition, 'recommendations', 'events'),
    stage: (config, { disk } = {}) => createJoiner(config, disk && (async () => disk.open(joinersTables))),
    wire: joinersWire,
  },
  learner: {
    output: 'models',
    inputs: () => Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: 'transitions' as const, partition })),
    stage: config => createLearnerStage(config, config.policies[0]!, logged),
    wire: same,
  },
  gate: { output: 'releases', inputs: () => of(0, 'models'), stage: config => createGate(config), wire: same },
}

const featuresOf = (item: string, index: number): ItemFeatures => ({
  feature_key: `${item}@1`,
  item_id: item,
  feature_version: 1,
  encoder_version: 'simulated',
  vector: vectorToBytes(Float32Array.from([Math.cos(index), Math.sin(index)])),
  attributes: {},
  available: true,
  time_ms: 1,
})

/** The catalogue, the same for everybody and from the beginning on. */
export const catalogue = (() => {
  const store = createFeatureStore()
  for (const [index, item] of items.entries()) store.put(featuresOf(item, index))
  return store
})()

/** What a ranker's process knows of models and releases: read from the log, for ever, from the beginning. */
export function followReleases(io: ChainIo, wire: Wire, config: Config, failed: (error: unknown) => void): Serving {
  const serving = createServing(config)
  const follow = async <T>(topic: TopicName, take: (value: T) => void): Promise<void> => {
    const feed = await openFeed(io, { topic, partition: 0 }, null)
    for (;;)
      for (const { records } of await feed.poll({ waitMs: 100 }))
        for (const { value } of records) take(wire.decode(topic, value!) as T)
  }
  follow<ModelVersion>('models', serving.putModel).catch(failed)
  follow<Release>('releases', serving.putRelease).catch(failed)
  return serving
}
