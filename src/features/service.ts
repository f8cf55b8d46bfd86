/**
 * Wiring of the features stage: items -> features, users -> profiles. Two groups, because the catalogue has one partition
 * and people have many. Runs forward, without the chain: its outputs are keyed by content, so doing it twice is the same.
 */
import { validateItem, validateProfile } from '../events/validate.ts'
import { decodeOrPass } from '../log/chain/codec.ts'
import { type ChainIo, realRim, retrying, Stopped } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import type { Membership } from '../log/log.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { groupName, topicName } from '../pipeline.ts'
import { createEncoder } from './create.ts'
import type { Encoder } from './encoder.ts'
import { createHashedEncoder } from './hashed.ts'
import { items, type Kind, type Published, users } from './step.ts'
import { runWorker, type WorkerOptions } from './worker.ts'

interface Half {
  readonly waitingFor: () => string
  readonly done: Promise<void>
  stop(): Promise<void>
}

/** @throws FeedloopError DEPENDENCY_MISSING, DATA_MISSING, TOPIC_UNKNOWN */
export async function runFeatures(context: ServiceContext): Promise<Running> {
  const { config, now } = context
  const encoder = await createEncoder(config.features)
  const halves = [
    await runHalf(context, encoder, {
      kind: items,
      group: groupName(config.topics.prefix, 'features', 'items'),
      validate: item => validateItem(item, now(), config.limits),
    }),
    await runHalf(context, encoder, {
      kind: users,
      group: groupName(config.topics.prefix, 'features', 'users'),
      validate: profile => validateProfile(profile, now(), config.limits),
    }),
  ]
  return {
    name: 'features',
    done: Promise.all(halves.map(half => half.done)).then(() => {}),
    waitingFor: () => halves.map(half => half.waitingFor()).find(text => text !== '') ?? '',
    async stop() {
      const stopped = halves.map(half => half.stop())
      await encoder.close?.()
      await Promise.all(stopped)
    },
  }
}

type HalfOptions<In, Out> = Pick<WorkerOptions<In, Out>, 'kind' | 'group' | 'validate'>

async function runHalf<In, Out>(
  context: ServiceContext,
  encoder: Encoder,
  options: HalfOptions<In, Out>,
): Promise<Half> {
  const { config, log, logger } = context
  const { whenDown, dimensions } = config.features
  const fallback = whenDown === 'hashed' ? createHashedEncoder(dimensions) : undefined
  const workers = new Map<number, { readonly abort: AbortController; readonly done: Promise<void> }>()
  const end = Promise.withResolvers<void>()
  let membership: Membership | undefined
  let everAssigned = false

  const start = (partition: number): void => {
    const abort = new AbortController()
    const io: ChainIo = { log, rim: realRim(context.now), rules: chainRules, signal: abort.signal }
    const work = async (): Promise<void> => {
      const known = await readPublished(context, io, options.kind, partition)
      await runWorker({ ...options, context, io, partition, encoder, fallback, known, membership: () => membership })
    }
    const done = work().catch(error => {
      if (!(error instanceof Stopped) && !abort.signal.aborted) end.reject(error)
    })
    workers.set(partition, { abort, done })
  }
  const stop = async (partition: number): Promise<void> => {
    const worker = workers.get(partition)
    workers.delete(partition)
    worker?.abort.abort()
    await worker?.done
  }
  const assigned = async (partitions: readonly number[]): Promise<void> => {
    await Promise.all([...workers.keys()].filter(each => !partitions.includes(each)).map(stop))
    for (const partition of partitions) if (!workers.has(partition)) start(partition)
    everAssigned = true
    logger.info({ stage: 'features', input: options.kind.input, partitions }, 'assigned')
  }
  const topic = topicName(config.topics.prefix, options.kind.input)
  membership = await log.join(options.group, [topic], { assigned, failed: end.reject })
  return {
    done: end.promise,
    waitingFor: () => (everAssigned ? '' : `group assignment of ${options.kind.input}`),
    async stop() {
      await Promise.all([...workers.keys()].map(stop))
      await membership?.leave()
      end.resolve()
    },
  }
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
  const all = Array.from({ length: await log.partitionCount(topic) }, (_, partition) => partition)
  for (const partition of kind.what === 'item' ? all : [inputPartition]) {
    const { earliest, latest } = await retrying(io, () => log.ends(topic, partition))
    for (let offset = earliest; offset < latest; ) {
      const records = await retrying(io, () => log.read(topic, partition, offset, { waitMs: 200, signal: io.signal }))
      if (records.length === 0) break
      offset = records[records.length - 1].offset + 1
      for (const record of records) {
        if (record.value === null) known.delete(record.key?.toString() ?? '')
        else remember(await decodeOrPass<Out>(io, context, kind.output, record))
      }
    }
  }
  /** What can't be read is encoded again. */
  function remember(record: Out | null): void {
    if (record === null) return
    const published = kind.published(record)
    if (!(published.timeMs < (known.get(published.id)?.timeMs ?? 0))) known.set(published.id, published)
  }
  return known
}
