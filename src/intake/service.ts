/**
 * Runs intake: per source a consumer group of its own over your topic; reads, maps (step.ts), appends to our topics,
 * refusals to the dead letters, and commits only then. At least once: after a crash the uncommitted tail is mapped
 * again to the same bytes, and the stages drop what they have seen by id. That needs ids that come from the source: where
 * it has none, map `origin`.
 */
import { errorTable, FeedloopError, isCode } from '../errors.ts'
import { deadLetter } from '../log/deadletters.ts'
import type { LogRecord, Membership, NewRecord } from '../log/log.ts'
import { connectRegistry } from '../log/wire/registry.ts'
import type { Wire } from '../log/wire/wire.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { topics } from '../pipeline.ts'
import { createReader, type Reader } from './formats.ts'
import { appendAll, createForward, type Forward, type Ready, retrying } from './forward.ts'
import { type CompiledMapping, compileSources } from './mapping.ts'
import type { SourceMapping, Target } from './schema.ts'
import { mapRecord } from './step.ts'

interface Flow {
  readonly context: ServiceContext
  readonly source: SourceMapping
  readonly mapping: CompiledMapping
  readonly reader: Reader
  readonly forward: Forward
  readonly group: string
}

/** What a run of source records became. */
interface Batch {
  readonly ready: Ready[]
  readonly refused: NewRecord[]
}

const READ_WAIT_MS = 500

/** Starts intake for every entry of `sources`. @throws FeedloopError MAPPING_INVALID, REGISTRY_UNAVAILABLE */
export async function runIntake(context: ServiceContext): Promise<Running> {
  const { config, log } = context
  const { url } = config.registry
  const compiled = compileSources(config.sources, url !== undefined)
  const registry =
    url && compiled.some(({ source }) => source.format !== 'json') ? await connectRegistry(url) : undefined
  const forward = createForward(log, config.topics.prefix)
  const flows = compiled.map(({ source, mapping }) => {
    const group = `${config.topics.prefix}intake.${source.topic}.${source.to}`
    return runFlow({ context, source, mapping, forward, group, reader: createReader(source, registry) })
  })
  const started = await Promise.all(flows)
  return {
    name: 'intake',
    waitingFor: () => started.map(flow => flow.waitingFor()).find(Boolean) ?? '',
    // Without sources there is nothing to end.
    done:
      started.length > 0 ? Promise.all(started.map(flow => flow.done)).then(() => undefined) : new Promise(() => {}),
    stop: async () => void (await Promise.all(started.map(flow => flow.stop()))),
  }
}

type FlowRun = Pick<Running, 'waitingFor' | 'done' | 'stop'>

async function runFlow(flow: Flow): Promise<FlowRun> {
  const { log } = flow.context
  const { promise: done, resolve, reject } = Promise.withResolvers<void>()
  done.catch(() => {})
  const pumps = new Map<number, { abort: AbortController; ended: Promise<void> }>()
  let assigned = false
  const drop = async (partition: number) => {
    const pump = pumps.get(partition)
    pump?.abort.abort()
    await pump?.ended
    pumps.delete(partition)
  }
  const joined: Promise<Membership> = log.join(flow.group, [flow.source.topic], {
    async assigned(partitions) {
      await Promise.all([...pumps.keys()].filter(p => !partitions.includes(p)).map(drop))
      for (const partition of partitions.filter(p => !pumps.has(p))) {
        const abort = new AbortController()
        const ended = pump(flow, partition, () => joined, abort.signal).catch(error => {
          if (!abort.signal.aborted) reject(error)
        })
        pumps.set(partition, { abort, ended })
      }
      assigned = true
    },
    failed: reject,
  })
  const membership = await joined
  return {
    waitingFor: () => (assigned ? '' : `an assignment of ${flow.source.topic}`),
    done,
    async stop() {
      await Promise.all([...pumps.keys()].map(drop))
      await membership.leave()
      resolve()
    },
  }
}

/** Carries one source partition over, until the signal. */
async function pump(flow: Flow, partition: number, member: () => Promise<Membership>, signal: AbortSignal) {
  const { log, config, logger } = flow.context
  const { topic } = flow.source
  let offset = await retrying(signal, () => startOffset(flow, partition))
  while (!signal.aborted) {
    try {
      const options = { maxBytes: config.step.maxBytes, waitMs: READ_WAIT_MS, signal }
      const records = await retrying(signal, () => log.read(topic, partition, offset, options))
      if (records.length === 0) continue
      await carry(flow, records, signal)
      offset = records[records.length - 1].offset + 1
      const membership = await member()
      // A commit that fails costs a repetition at the next start, no more; the next one covers it.
      await membership
        .commit([{ topic, partition, offset, metadata: '' }])
        .catch(error => logger.warn({ topic, partition, error: String(error) }, 'commit failed'))
    } catch (error) {
      if (!isCode(error, 'OFFSET_OUT_OF_RANGE')) throw error
      const { earliest } = await log.ends(topic, partition)
      logger.warn({ topic, partition, offset, earliest }, 'source records were removed before intake read them')
      offset = earliest
    }
  }
}

async function startOffset({ context: { log }, group, source }: Flow, partition: number): Promise<number> {
  const committed = (await log.committed(group, source.topic)).find(each => each.partition === partition)
  return committed?.offset ?? (await log.ends(source.topic, partition)).earliest
}

/** Maps and appends one run of records; returns when all of it is acknowledged. */
async function carry(flow: Flow, records: readonly LogRecord[], signal: AbortSignal): Promise<void> {
  const { log, config } = flow.context
  const batch: Batch = { ready: [], refused: [] }
  for (const record of records) await retrying(signal, () => mapOne(flow, record, batch))
  await flow.forward(batch.ready, signal)
  await appendAll(log, { topic: 'dead-letters', prefix: config.topics.prefix, partition: 0 }, batch.refused, signal)
}

async function mapOne(flow: Flow, record: LogRecord, { ready, refused }: Batch): Promise<void> {
  const { meter, wire, now, config } = flow.context
  const count = (result: string) => meter.add('feedloop_intake_records_total', { source: flow.source.topic, result })
  try {
    const mapped = mapRecord(flow.mapping, await flow.reader(record), now(), config.limits)
    if (mapped.kind === 'skipped') return count('skipped')
    if (mapped.kind === 'refused') throw new FeedloopError(mapped.fault.code, mapped.fault.detail)
    const { to, key, value } = mapped
    const bytes = encodeBounded(wire, to, value)
    ready.push({ to, key, bytes })
    count('mapped')
  } catch (error) {
    if (!(error instanceof FeedloopError) || errorTable[error.code].scope !== 'record') throw error
    const detail = error.message.slice(error.code.length + 2)
    refused.push(deadLetter({ origin: record, stage: 'intake', code: error.code, detail }))
    meter.add('feedloop_dead_letters_total', { stage: 'intake', code: error.code })
    count('refused')
  }
}

/** @throws FeedloopError RECORD_INVALID also for a record that no batch could hold */
function encodeBounded(wire: Wire, to: Target, value: unknown): Buffer {
  const bytes = wire.encode(to, value)
  const most = topics[to].maxBatchBytes * 0.9
  if (bytes.length > most) throw new FeedloopError('RECORD_INVALID', `${bytes.length} bytes, more than ${most}`)
  return bytes
}
