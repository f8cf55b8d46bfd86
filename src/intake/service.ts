/**
 * Runs intake: per topic of yours a consumer group of its own; reads, sends each record through all mappings of its topic
 * (step.ts), appends to our topics, refusals to the dead letters, and commits only then. At least once: after a crash the uncommitted tail is mapped
 * again to the same bytes, and the stages drop what they have seen by id. That needs ids that come from the source: where
 * it has none, map `origin`.
 */
import { FeedloopError, isCode } from '../errors.ts'
import type { Fault } from '../events/validate.ts'
import { type Patience, realRim, retrying } from '../log/chain/rim.ts'
import { deadLetter } from '../log/deadletters.ts'
import { countConsumed } from '../log/lag.ts'
import type { LogRecord, Membership, NewRecord } from '../log/log.ts'
import { checkSourceTopics } from '../log/topics.ts'
import { connectRegistry } from '../log/wire/registry.ts'
import { type Assigned, runAssigned, together } from '../operate/assigned.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { watchLag } from '../operate/lag.ts'
import { intakeGroup } from '../pipeline.ts'
import { createReader, type Reader } from './formats.ts'
import { appendAll, createForward, type Forward } from './forward.ts'
import { faultOf, type Made, makeRecords, type Ready } from './make.ts'
import { type CompiledSource, compileSources } from './mapping.ts'

interface Flow {
  readonly context: ServiceContext
  readonly source: CompiledSource
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

/** Starts intake for every topic of `sources`. @throws FeedloopError MAPPING_INVALID, REGISTRY_UNAVAILABLE, TOPIC_UNKNOWN */
export async function runIntake(context: ServiceContext): Promise<Running> {
  const { config, log } = context
  const { url } = config.registry
  const compiled = compileSources(config.sources, url !== undefined)
  const missing = await checkSourceTopics(
    log,
    compiled.map(({ topic }) => topic),
  )
  if (missing.length > 0) throw new FeedloopError('TOPIC_UNKNOWN', missing.join('; '))
  const asks = compiled.some(source => source.format !== 'json')
  const registry = url && asks ? await connectRegistry({ ...config.registry, url }) : undefined
  const forward = createForward(log, config.topics.prefix)
  const flows = compiled.map(source => {
    const group = intakeGroup(config.topics.prefix, source.topic)
    return runFlow({ context, source, forward, group, reader: createReader(source, registry) })
  })
  const all = await together(flows)
  // Without sources there is nothing to end.
  return { ...all, name: 'intake', done: flows.length > 0 ? all.done : new Promise(() => {}) }
}

const runFlow = (flow: Flow): Promise<Assigned> =>
  runAssigned(flow.context.log, {
    group: flow.group,
    topics: [flow.source.topic],
    start(partition, commit) {
      const abort = new AbortController()
      const done = pump(flow, partition, commit, abort.signal).catch(error => {
        if (!abort.signal.aborted) throw error
      })
      const stop = async (): Promise<void> => {
        abort.abort()
        await done
      }
      return { done, stop }
    },
    assigned: () => flow.context.meter.add('feedloop_rebalances_total', { stage: 'intake' }),
  })

/** Carries one source partition over, until the signal. */
async function pump(flow: Flow, partition: number, commit: Membership['commit'], signal: AbortSignal) {
  const { log, config, logger } = flow.context
  const { topic } = flow.source
  const patience: Patience = { rim: realRim(flow.context.now), signal }
  let offset = await retrying(patience, () => startOffset(flow, partition))
  let inHand: readonly LogRecord[] = []
  const at = { stage: 'intake', topic, partition, name: topic } as const
  watchLag(flow.context, { ...at, oldest: () => inHand[0], next: () => offset, signal })
  while (!signal.aborted) {
    try {
      const options = { maxBytes: config.step.maxBytes, waitMs: READ_WAIT_MS, signal }
      inHand = await retrying(patience, () => log.read(topic, partition, offset, options))
      if (inHand.length === 0) continue
      await carry(flow, inHand, patience)
      countConsumed(flow.context.meter, at, inHand.length)
      offset = inHand.at(-1)!.offset + 1
      inHand = []
      // A commit that fails costs a repetition at the next start, no more; the next one covers it.
      await commit([{ topic, partition, offset, metadata: '' }]).catch(error =>
        logger.warn({ topic, partition, error: String(error) }, 'commit failed'),
      )
    } catch (error) {
      if (!isCode(error, 'OFFSET_OUT_OF_RANGE')) throw error
      const { earliest } = await retrying(patience, () => log.ends(topic, partition))
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
async function carry(flow: Flow, records: readonly LogRecord[], patience: Patience): Promise<void> {
  const { log, config, meter } = flow.context
  const batch: Batch = { ready: [], refused: [] }
  for (const record of records) await retrying(patience, () => mapOne(flow, record, batch))
  await flow.forward(batch.ready, patience)
  await appendAll(log, { topic: 'dead-letters', prefix: config.topics.prefix, partition: 0 }, batch.refused, patience)
  const stage = 'intake'
  for (const { to } of batch.ready) meter.add('feedloop_records_produced_total', { stage, topic: to })
}

/** Maps one record and notes the one thing that it counts as: refused when any mapping did. */
async function mapOne(flow: Flow, record: LogRecord, { ready, refused }: Batch): Promise<void> {
  const { meter } = flow.context
  const { topic } = flow.source
  const made = await make(flow, record)
  ready.push(...made.ready)
  if (made.faults.length > 0) {
    const { code, detail } = oneOf(made.faults)
    refused.push(deadLetter({ origin: record, stage: 'intake', code, detail }))
    meter.add('feedloop_dead_letters_total', { stage: 'intake', code })
  }
  const result = made.faults.length > 0 ? 'refused' : made.ready.length > 0 ? 'mapped' : 'skipped'
  meter.add('feedloop_intake_records_total', { source: topic, result })
}

async function make({ context, source, reader }: Flow, record: LogRecord): Promise<Made> {
  const { wire, now, config } = context
  try {
    return makeRecords(source.mappings, await reader(record), { wire, now, limits: config.limits })
  } catch (error) {
    return { ready: [], faults: [faultOf(error)] }
  }
}

/** One dead letter tells of all that the mappings of a record refused; the first gives the code. */
const oneOf = (faults: readonly Fault[]): Fault =>
  faults.length === 1
    ? faults[0]
    : { code: faults[0].code, detail: faults.map(({ code, detail }) => `${code}: ${detail}`).join('; ') }
