/**
 * Wiring of the features stage: items -> features, users -> profiles. Two groups, because the catalogue has one partition
 * and people have many. Runs forward, without the chain: its outputs are keyed by content, so doing it twice is the same.
 */
import { validateItem, validateProfile } from '../events/validate.ts'
import { decodeOrPass } from '../log/chain/codec.ts'
import { type ChainIo, realRim, retrying, Stopped } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import { type Assigned, runAssigned, together } from '../operate/assigned.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { groupName, topicName } from '../pipeline.ts'
import { createEncoder } from './create.ts'
import type { Encoder } from './encoder.ts'
import { createHashedEncoder } from './hashed.ts'
import { items, type Kind, type Published, users } from './step.ts'
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
      const ready = readPublished(context, io, kind, partition)
      const worker = { context, io, kind, group, partition, encoder, fallback, validate, commit }
      const done = ready
        .then(known => runWorker({ ...worker, known }))
        .catch(error => {
          if (!(error instanceof Stopped) && !abort.signal.aborted) throw error
        })
      const stop = async (): Promise<void> => {
        abort.abort()
        await done
      }
      return { ready, done, stop }
    },
    assigned: partitions => logger.info({ stage: 'features', input: kind.input, partitions }, 'assigned'),
  })
}

/** What is published already: all items, or the people of the partition. */
async function readPublished<In, Out>(
  context: ServiceContext,
  io: ChainIo,
  kind: Kind<In, Out>,
  inputPartition: number,
): Promise<Map<string, Published>> {
  const { log, config } = context
  const known = new Map<string, Published>()
  const topic = topicName(config.topics.prefix, kind.output)
  const partitions = await retrying(io, () => log.partitionCount(topic))
  const all = Array.from({ length: partitions }, (_, partition) => partition)
  for (const partition of kind.what === 'item' ? all : [inputPartition]) {
    const { earliest, latest } = await retrying(io, () => log.ends(topic, partition))
    for (let offset = earliest; offset < latest; ) {
      const records = await retrying(io, () => log.read(topic, partition, offset, { waitMs: 200, signal: io.signal }))
      if (records.length === 0) break
      offset = records[records.length - 1].offset + 1
      for (const record of records) {
        if (record.value === null) forget(record.key?.toString() ?? '')
        else remember(await decodeOrPass<Out>(io, context, kind.output, record))
      }
    }
  }
  function forget(key: string): void {
    const id = kind.idOf(key)
    const published = known.get(id)
    if (published && kind.key(published) === key) known.delete(id)
  }
  /** What can't be read is encoded again. */
  function remember(record: Out | null): void {
    if (record === null) return
    const published = kind.published(record)
    if (!(published.timeMs < (known.get(published.id)?.timeMs ?? 0))) known.set(published.id, published)
  }
  return known
}
