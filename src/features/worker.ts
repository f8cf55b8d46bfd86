/**
 * One input partition of the features stage: reads states of items (or profiles), publishes their vectors, and commits
 * its position once they are acknowledged. At least once and idempotent: a repeated record makes the same version again,
 * which is known and costs nothing. States that wait for the encoder hold the committed position back, so that a restart
 * finds them again.
 */
import type { ErrorCode } from '../errors.ts'
import type { Fault } from '../events/validate.ts'
import { bury, decode } from '../log/chain/codec.ts'
import { type ChainIo, retrying } from '../log/chain/rim.ts'
import { countConsumed } from '../log/lag.ts'
import type { LogRecord, Membership, NewRecord } from '../log/log.ts'
import { partitionFor } from '../log/partition.ts'
import { inBatches } from '../log/size.ts'
import type { ServiceContext } from '../operate/context.ts'
import { watchLag } from '../operate/lag.ts'
import { topicName, topics } from '../pipeline.ts'
import { type Change, type Deletion, inRuns } from './changes.ts'
import type { Encoder } from './encoder.ts'
import { createEncoding } from './encoding.ts'
import type { PublishedReader } from './published.ts'
import { deletes, type Kind, type Published } from './step.ts'
import { versionKeptMs } from './versions.ts'

export interface WorkerOptions<In, Out> {
  readonly context: ServiceContext
  readonly io: ChainIo
  readonly kind: Kind<In, Out>
  readonly group: string
  readonly partition: number
  readonly encoder: Encoder
  readonly fallback?: Encoder
  readonly validate: (record: In) => Fault | null
  /** Caught up; what is known is kept current here. */
  readonly published: PublishedReader
  readonly commit: Membership['commit']
}

const WAIT_MS = 500
const RETRY_MS = 2000
/** From one look for old versions to the next. */
const TIDY_MS = 600_000
const READ_BYTES = 256 * 1024

/** Runs until the signal of `io` aborts. @throws FeedloopError on what is terminal */
export async function runWorker<In, Out>(options: WorkerOptions<In, Out>): Promise<void> {
  const { context, io, kind, partition, encoder } = options
  const { known, versions } = options.published
  const { log, config, meter, logger } = context
  const prefix = config.topics.prefix
  const topic = topicName(prefix, kind.input)
  const output = topicName(prefix, kind.output)
  // Well below the bound: an append in doubt is repeated whole.
  const batchBytes = topics[kind.output].maxBatchBytes / 2
  const inputPartitions = await retrying(io, () => log.partitionCount(topic))
  const outputPartitions = await retrying(io, () => log.partitionCount(output))

  const refuse = async (origin: LogRecord, code: ErrorCode, detail: string): Promise<void> => {
    await bury(io, prefix, [{ origin, stage: 'features', code, detail }])
    meter.add('feedloop_dead_letters_total', { stage: 'features', code })
  }
  const encoding = createEncoding<LogRecord>({
    ...options,
    known,
    retryMs: RETRY_MS,
    count: (result, value) => value > 0 && meter.add('feedloop_encoded_total', { what: kind.what, result }, value),
    encoderSeconds: seconds => meter.observe('feedloop_encoder_seconds', {}, seconds),
    refused: (origin, error) => refuse(origin, error.code, error.message),
    down: error => logger.warn({ topic, partition, error: String(error) }, 'the encoder is down'),
  })
  const changesOf = async (records: readonly LogRecord[]): Promise<Change<LogRecord>[]> => {
    const from = { topic: kind.input, partition, partitions: inputPartitions }
    const { inputs, undecodable } = await decode(io, context.wire, from, records)
    for (const { record, error } of undecodable) await refuse(record, error.code, error.message)
    const origins = new Map(records.map(record => [record.offset, record]))
    const changes: Change<LogRecord>[] = []
    for (const { key, value, offset, timestampMs } of inputs) {
      const origin = origins.get(offset)!
      const fault = value === null ? null : options.validate(value as In)
      if (fault) await refuse(origin, fault.code, fault.detail)
      else if (value === null) changes.push({ id: key ?? '', timeMs: timestampMs })
      else changes.push({ content: kind.content(value as In), origin })
    }
    return changes
  }
  const publish = async (published: readonly Published[]): Promise<void> => {
    const records = published.map(each => ({
      key: kind.key(each),
      value: context.wire.encode(kind.output, kind.record(each)),
    }))
    await append(records)
    for (const each of published) known.set(each.id, each)
    countItems()
  }
  const countItems = (): void => {
    if (kind.what === 'item') meter.set('feedloop_catalogue_items', {}, known.size)
  }
  const append = async (records: readonly { key: string; value: Buffer | null }[]): Promise<void> => {
    const byPartition = Map.groupBy(records, ({ key }) => partitionFor(key, outputPartitions))
    for (const [to, own] of byPartition) {
      const made: NewRecord[] = own.map(({ key, value }) => ({ key: Buffer.from(key), value }))
      for (const batch of inBatches(made, batchBytes)) await retrying(io, () => log.append(output, to, batch))
    }
    meter.add('feedloop_records_produced_total', { stage: 'features', topic: kind.output }, records.length)
  }
  /** Deleted at the source: an item stays known, but is not recommended again before a later state; a profile is deleted
   * here too, whatever its time. */
  const forget = async (deletions: readonly Deletion[]): Promise<void> => {
    for (const { id, timeMs } of deletions) {
      const gone = known.get(id)
      encoding.forget(id, kind.what === 'item' ? timeMs : Number.POSITIVE_INFINITY)
      if (gone === undefined) continue
      if (kind.what === 'user') {
        await append([{ key: gone.id, value: null }])
        known.delete(gone.id)
      } else if (deletes(timeMs, gone)) await publish([{ ...gone, available: false, timeMs }])
    }
  }

  countItems()
  let offset = await startOffset(options, topic)
  let inHand: LogRecord | undefined
  /** What the committed position stays before. */
  const oldest = (): LogRecord | undefined => {
    let first = inHand
    for (const { origin } of encoding.waiting.values()) if (!first || origin.offset < first.offset) first = origin
    return first
  }
  const at = { stage: 'features', topic: kind.input, partition, name: topic } as const
  watchLag(context, { ...at, oldest, next: () => offset, signal: io.signal! })
  let committed = -1
  /** @returns false when the group did not take it, as from one that is no member any more */
  const commit = async ({ anew } = { anew: false }): Promise<boolean> => {
    const position = oldest()?.offset ?? offset
    if (position === committed && !anew) return true
    try {
      await options.commit([{ topic, partition, offset: position, metadata: encoder.version }])
      committed = position
      return true
    } catch (error) {
      logger.debug({ topic, error: String(error) }, 'commit failed')
      return false
    }
  }
  let tidyAtMs = 0
  /** Deletes versions that no decision which can still be learned names; what somebody else deleted too early is back. */
  const tidy = async (): Promise<void> => {
    if (kind.what !== 'item' || context.now() < tidyAtMs) return
    tidyAtMs = context.now() + TIDY_MS
    await publish(await options.published.catchUp())
    const expired = versions
      .supersededBefore(context.now() - versionKeptMs(config))
      .filter(({ id }) => partitionFor(id, inputPartitions) === partition)
    if (expired.length === 0) return
    // Who is no member any more leaves it to the owner: it may be about to publish one of them again.
    if (!(await commit({ anew: true }))) return
    await append(expired.map(({ key }) => ({ key, value: null })))
    logger.info({ topic: output, versions: expired.length }, 'old versions deleted')
  }
  while (!io.signal?.aborted) {
    const readOptions = { waitMs: WAIT_MS, maxBytes: READ_BYTES, signal: io.signal }
    const records = await retrying(io, () => log.read(topic, partition, offset, readOptions))
    if (io.signal?.aborted) return
    inHand = records[0]
    for (const { states, deletions } of inRuns(await changesOf(records))) {
      await publish(await encoding.handle(states, context.now()))
      await forget(deletions)
    }
    inHand = undefined
    if (records.length > 0) offset = records[records.length - 1].offset + 1
    countConsumed(meter, at, records.length)
    await commit()
    await tidy()
  }
}

/** Where to go on: after what this very encoder has done; another encoder, and a topic that ends before it, start anew.
 * @throws FeedloopError what the log throws */
async function startOffset<In, Out>(
  { context, io, group, partition, encoder }: WorkerOptions<In, Out>,
  topic: string,
): Promise<number> {
  const { earliest, latest } = await retrying(io, () => io.log.ends(topic, partition))
  const positions = await retrying(io, () => io.log.committed(group, topic))
  const own = positions.find(each => each.partition === partition)
  if (own === undefined || own.metadata !== encoder.version || own.offset < earliest) return earliest
  if (own.offset <= latest) return own.offset
  // what stands in it already makes the same versions again, so this costs time and nothing else
  context.logger.warn(
    { topic, partition, latest, position: own.offset },
    'the topic was made anew or lost its end; it is read from its start',
  )
  return earliest
}
