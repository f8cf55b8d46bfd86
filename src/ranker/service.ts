/**
 * Wiring of the ranker: profiles, events and requests of a partition -> recommendations of the same partition. Features,
 * releases and models are broadcast: read by every instance, models and releases from near their end (src/models/start.ts),
 * and taken over between two steps without a pause.
 */
import type { ItemFeatures, ModelVersion, Release } from '../../schemas/records.ts'
import { createFeatureStore } from '../features/store.ts'
import { realRim, Stopped } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import { createServing } from '../models/serving.ts'
import { servingStart } from '../models/start.ts'
import { watchServing } from '../models/watch.ts'
import { type Follower, type FollowOptions, follow } from '../operate/broadcast.ts'
import { runChainStage } from '../operate/chain-stage.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { localState } from '../operate/local-state.ts'
import type { TopicName } from '../pipeline.ts'
import { createHolder } from './answer.ts'
import { rankerCodecs, rankerVersion } from './layout.ts'
import { observeDecisions } from './metrics.ts'
import { withSnapshots } from './snapshots.ts'
import { heapTables } from './state.ts'
import { createRanker } from './step.ts'

export async function runRanker(context: ServiceContext): Promise<Running> {
  const { config, meter, now } = context
  let catalogueReady = false
  const features = createFeatureStore()
  const serving = createServing(config)
  const policies = config.policies.map(policy => policy.name)
  const watched = watchServing({ serving, policies, meter, now, caughtUp: () => catalogueReady })
  const abort = new AbortController()
  const followers: Follower[] = []
  const failed = Promise.withResolvers<never>()
  const take = async <T>(topic: TopicName, put: (value: T) => void, options?: FollowOptions): Promise<void> => {
    if (abort.signal.aborted) throw new Stopped()
    const follower = follow(context, topic, put, options)
    followers.push(follower)
    follower.failed.catch(failed.reject)
    await follower.caughtUp
  }
  const readAll = async (): Promise<void> => {
    const start = await servingStart({ ...context, signal: abort.signal })
    // releases first: a version that none names is forgotten after a while
    await take<Release>('releases', watched.putRelease, { from: start.releases })
    await Promise.all([
      take<ItemFeatures>('features', putFeatures, { drop: features.drop }),
      take<ModelVersion>('models', watched.putModel, { from: start.models }),
    ])
    catalogueReady = true
  }
  const putFeatures = (value: ItemFeatures): void => {
    features.put(value)
    meter.set('feedloop_catalogue_items', {}, features.size)
  }
  const openStore = localState(context, { stage: 'ranker', version: rankerVersion, codecs: rankerCodecs })
  const openTables = async (partition: number, signal?: AbortSignal) =>
    withSnapshots(
      { ...context, partition, io: { log: context.log, rim: realRim(now), rules: chainRules, signal } },
      (await openStore?.(partition)) ?? heapTables(),
    )
  const prepare = readAll()
  prepare.catch(error => abort.signal.aborted || failed.reject(error))
  const holder = createHolder(config.topics.partitions)
  const running = await runChainStage(context, {
    name: 'ranker',
    stage: () => createRanker(config, openTables),
    assigned: ['requests', 'events', 'profiles'],
    inputs: partition => [
      { topic: 'profiles', partition },
      { topic: 'events', partition },
      { topic: 'requests', partition },
    ],
    view: () => ({ features, serving: serving.serving, catalogueReady }),
    holds: holder.hold,
    observe: ({ outputs }) => observeDecisions(meter, outputs),
    prepare,
    alongside: [failed.promise],
    waitingFor: () => (catalogueReady ? '' : 'features, models and releases'),
    async release() {
      abort.abort()
      await Promise.all(followers.map(each => each.stop()))
    },
  })
  return { ...running, describe: holder.describe }
}
