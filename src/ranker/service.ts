/**
 * Wiring of the ranker: profiles, events and requests of a partition -> recommendations of the same partition. Features,
 * releases and models are broadcast: read by every instance, models and releases from near their end (src/models/start.ts),
 * and taken over between two steps without a pause.
 */
import type { ItemFeatures, ModelVersion, Release } from '../../schemas/records.ts'
import { createFeatureStore } from '../features/store.ts'
import { createServing } from '../models/serving.ts'
import { servingStart } from '../models/start.ts'
import { watchServing } from '../models/watch.ts'
import { follow } from '../operate/broadcast.ts'
import { runChainStage } from '../operate/chain-stage.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { observeDecisions } from './metrics.ts'
import { createRanker } from './step.ts'

export async function runRanker(context: ServiceContext): Promise<Running> {
  const { config, meter, now } = context
  let catalogueReady = false
  const features = createFeatureStore()
  const serving = createServing(config)
  const policies = config.policies.map(policy => policy.name)
  const watched = watchServing({ serving, policies, meter, now, caughtUp: () => catalogueReady })
  const start = await servingStart(context)
  // releases first: a version that none names is forgotten after a while
  const releases = follow<Release>(context, 'releases', watched.putRelease, start.releases)
  await releases.caughtUp
  const followers = [
    releases,
    follow<ItemFeatures>(context, 'features', value => {
      features.put(value)
      meter.set('feedloop_catalogue_items', {}, features.size)
    }),
    follow<ModelVersion>(context, 'models', watched.putModel, start.models),
  ]
  const caughtUp = Promise.all(followers.map(each => each.caughtUp)).then(() => {})
  caughtUp.then(() => (catalogueReady = true)).catch(() => {})
  return runChainStage(context, {
    name: 'ranker',
    stage: () => createRanker(config),
    assigned: ['requests', 'events', 'profiles'],
    inputs: partition => [
      { topic: 'profiles', partition },
      { topic: 'events', partition },
      { topic: 'requests', partition },
    ],
    view: () => ({ features, serving: serving.serving, catalogueReady }),
    observe: ({ outputs }) => observeDecisions(meter, outputs),
    prepare: caughtUp,
    alongside: followers.map(each => each.failed),
    waitingFor: () => (catalogueReady ? '' : 'features, models and releases'),
    release: async () => void (await Promise.all(followers.map(each => each.stop()))),
  })
}
