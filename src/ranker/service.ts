/**
 * Wiring of the ranker: profiles, events and requests of a partition -> recommendations of the same partition. Features,
 * releases and models are broadcast: read by every instance, models and releases from near their end (src/models/start.ts),
 * and taken over between two steps, in pieces.
 */
import type { ItemFeatures, ModelVersion, Recommendation, Release } from '../../schemas/records.ts'
import { createFeatureStore } from '../features/store.ts'
import { realRim, Stopped } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import { createServing } from '../models/serving.ts'
import { findVersion, servingStart } from '../models/start.ts'
import { watchServing } from '../models/watch.ts'
import { type Follower, type FollowOptions, follow, type Take } from '../operate/broadcast.ts'
import { runChainStage } from '../operate/chain-stage.ts'
import { collectAll } from '../operate/collector.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { localState } from '../operate/local-state.ts'
import { inTurns } from '../operate/turns.ts'
import type { TopicName } from '../pipeline.ts'
import type { Output } from '../stage.ts'
import { createHolder } from './answer.ts'
import { createCoverage } from './coverage.ts'
import { rankerCodecs, rankerVersion } from './layout.ts'
import { forgetGauges, observeDecisions, showNoneShed } from './metrics.ts'
import { createSearchAhead } from './retrieval/ahead.ts'
import { createFollowing, SLICE_EVERY_MS } from './retrieval/following.ts'
import { type ScanThread, startScanThread } from './retrieval/thread.ts'
import { withSnapshots } from './snapshots.ts'
import { heapTables } from './state.ts'
import { createRanker, type RankerView } from './step.ts'

export async function runRanker(context: ServiceContext): Promise<Running> {
  const { config, logger, meter, now } = context
  let catalogueReady = false
  const features = createFeatureStore()
  const serving = createServing(config)
  const policies = config.policies.map(policy => policy.name)
  const traceOf = context.tracer?.traceOf('ranker')
  const watched = watchServing({ serving, policies, meter, now, caughtUp: () => catalogueReady, traceOf })
  const following = createFollowing(config, features, ({ name }) => serving.answering(name), meter)
  const coverage = createCoverage()
  showNoneShed(meter)
  let slices: NodeJS.Timeout | undefined
  let thread: ScanThread | undefined
  const searchAhead = createSearchAhead(config, (...job) => {
    thread ??= startScanThread()
    return thread.scan(...job)
  })
  const abort = new AbortController()
  const followers: Follower[] = []
  const failed = Promise.withResolvers<never>()
  const take = async <T>(topic: TopicName, put: Take<T>, options?: FollowOptions): Promise<void> => {
    if (abort.signal.aborted) throw new Stopped()
    const follower = follow(context, topic, put, options)
    followers.push(follower)
    follower.failed.catch(failed.reject)
    await follower.caughtUp
  }
  const readAll = async (): Promise<void> => {
    const start = await servingStart({ ...context, signal: abort.signal })
    // releases first: a version that none names is forgotten after a while
    await take<Release>('releases', putRelease, { from: start.releases })
    await Promise.all([
      take<ItemFeatures>('features', putFeatures, { drop: features.drop }),
      take<ModelVersion>('models', model => inTurns(watched.takeOver(model)), { from: start.models }),
    ])
    await following.first(abort.signal)
    slices = setInterval(following.slice, SLICE_EVERY_MS)
    await Promise.all(policies.map(bring))
    collectAll()
    catalogueReady = true
  }
  const sought = new Set<string>()
  /** A release may name a version from before those that are kept, or from before what the log still has. */
  const bring = async (policy: string): Promise<void> => {
    for (const version of serving.lacks(policy)) {
      if (sought.has(`${policy} ${version}`)) continue
      sought.add(`${policy} ${version}`)
      const model = await findVersion({ ...context, signal: abort.signal }, policy, version)
      if (model) await inTurns(watched.takeOver(model))
      else {
        logger.warn({ policy, version }, 'a share names a version that is not in the log any more')
        meter.add('feedloop_model_fallbacks_total', { policy })
        watched.forsake(policy, version)
      }
      sought.delete(`${policy} ${version}`)
    }
  }
  const putRelease = (release: Release): void => {
    watched.putRelease(release)
    if (catalogueReady) bring(release.policy).catch(error => abort.signal.aborted || failed.reject(error))
  }
  const putFeatures = (value: ItemFeatures): void => {
    features.put(value)
    meter.set('feedloop_catalogue_items', {}, features.size)
  }
  const view = (): RankerView => ({ features, serving: serving.serving, catalogueReady, following: true })
  const openStore = localState(context, { stage: 'ranker', version: rankerVersion, codecs: rankerCodecs })
  const openTables = async (partition: number, signal?: AbortSignal) => {
    const io = { log: context.log, rim: realRim(now), rules: chainRules, signal }
    const store = (await openStore?.(partition)) ?? heapTables()
    return withSnapshots({ ...context, partition, io }, store).catch(async (error: unknown) => {
      await store.close?.()
      throw error
    })
  }
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
    view,
    async before(step) {
      const begunMs = performance.now()
      const lent = view()
      const foundAhead = await searchAhead(step, lent)
      const seconds = (performance.now() - begunMs) / 1000
      if (foundAhead.size > 0) meter.observe('feedloop_retrieval_seconds', {}, seconds)
      return { ...lent, foundAhead }
    },
    holds: holder.hold,
    observe({ outputs }, partition) {
      observeDecisions(meter, coverage, outputs, traceOf)
      watched.decided(outputs as readonly Output<Recommendation>[], partition)
    },
    lost: partition => forgetGauges(meter, partition),
    prepare,
    alongside: [failed.promise],
    waitingFor: () => (catalogueReady ? '' : 'features, models and releases'),
    async release() {
      abort.abort()
      clearInterval(slices)
      await Promise.all(followers.map(each => each.stop()))
    },
  })
  return {
    ...running,
    describe: holder.describe,
    async stop() {
      await running.stop()
      // Last, since a task may be waiting for it.
      await thread?.close()
    },
  }
}
