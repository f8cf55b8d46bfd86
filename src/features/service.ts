/**
 * Wiring of the features stage: items -> features, users -> profiles. Two groups, because the catalogue has one partition
 * and people have many. Runs forward, without the chain: its outputs are keyed by content, so doing it twice is the same.
 */
import { validateItem, validateProfile } from '../events/validate.ts'
import { type ChainIo, realRim, Stopped } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import { type Assigned, runAssigned, together } from '../operate/assigned.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { groupName, topicName } from '../pipeline.ts'
import { createEncoder } from './create.ts'
import type { Encoder } from './encoder.ts'
import { createHashedEncoder } from './hashed.ts'
import { readPublished } from './published.ts'
import { items, type Kind, users } from './step.ts'
import { runWorker, type WorkerOptions } from './worker.ts'

/** @throws FeedloopError DEPENDENCY_MISSING, DATA_MISSING, TOPIC_UNKNOWN */
export async function runFeatures(context: ServiceContext): Promise<Running> {
  const { config, now } = context
  const encoder = await createEncoder(config.features)
  const close = async (): Promise<void> => encoder.close?.()
  const halves = await together([
    runHalf(context, encoder, items, item => validateItem(item, now(), config.limits)),
    runHalf(context, encoder, users, profile => validateProfile(profile, now(), config.limits)),
  ]).catch(error => close().then(() => Promise.reject(error)))
  return {
    ...halves,
    name: 'features',
    // The encoder first: a call that hangs would keep its worker.
    stop: async () => void (await Promise.all([close(), halves.stop()])),
  }
}

function runHalf<In, Out>(
  context: ServiceContext,
  encoder: Encoder,
  kind: Kind<In, Out>,
  validate: WorkerOptions<In, Out>['validate'],
): Promise<Assigned> {
  const { config, log, logger } = context
  const { prefix } = config.topics
  const { whenDown, dimensions } = config.features
  const fallback = whenDown === 'hashed' ? createHashedEncoder(dimensions) : undefined
  const group = groupName(prefix, 'features', kind.input)
  return runAssigned(log, {
    group,
    topics: [topicName(prefix, kind.input)],
    start(partition, commit) {
      const abort = new AbortController()
      const io: ChainIo = { log, rim: realRim(context.now), rules: chainRules, signal: abort.signal }
      const published = readPublished(context, io, kind, partition)
      const worker = { context, io, kind, group, partition, encoder, fallback, validate, published, commit }
      const ready = published.catchUp()
      const done = ready
        .then(() => runWorker(worker))
        .catch(error => {
          if (!(error instanceof Stopped) && !abort.signal.aborted) throw error
        })
      const stop = async (): Promise<void> => {
        abort.abort()
        await done
      }
      return { ready, done, stop }
    },
    assigned(partitions) {
      context.meter.add('feedloop_rebalances_total', { stage: 'features' })
      logger.info({ stage: 'features', input: kind.input, partitions }, 'assigned')
    },
  })
}
