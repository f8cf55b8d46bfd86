/**
 * Transitions of a policy as a Parquet file. The topic is read twice: once for where the newest revision of each
 * transition stands, some hundred bytes each, and once for those revisions, which hold the whole cumulative reward and the
 * way on; a row group is all that is in memory of them. What is appended meanwhile is not in it.
 */
import { fileWriter, parquetWriteRows } from 'hyparquet-writer'
import type { ItemFeatures, Transition } from '../../../schemas/records.ts'
import type { PolicyConfig } from '../../config.ts'
import { type AuditSource, batchesOf, decoded } from '../../evaluation/audit/read.ts'
import { createFeatureStore, type FeatureStore } from '../../features/store.ts'
import { createExampleEncoder } from '../../learner/examples.ts'
import type { Example } from '../../learner/learner.ts'
import { follow } from '../../operate/broadcast.ts'
import type { ServiceContext } from '../../operate/context.ts'
import { topicName } from '../../pipeline.ts'
import { createStateEncoder } from '../../state/encode.ts'
import { policyOf } from '../policy.ts'
import { parquetColumns, parquetSchema, rowOf } from './columns.ts'

export interface Exported {
  readonly rows: number
  readonly revisions: number
  /** Transitions with a vector that the features topic does not have (any more): they are not in the file. */
  readonly featureMissing: number
}

/** With 20 candidates of 64 numbers now and next, half a gigabyte while it is written. */
const ROWS_IN_GROUP = 1024

/** @param name of the policy; absent: the first @param out file, overwritten
 * @throws FeedloopError USAGE, and what the log throws; the system's errors for what cannot be written */
export async function exportTransitions(
  context: ServiceContext,
  name: string | undefined,
  out: string,
): Promise<Exported> {
  const { policy } = policyOf(context.config, name)
  const encoder = createStateEncoder(context.config)
  const counts = { rows: 0, revisions: 0, featureMissing: 0 }
  const newest = await newestRevisions(context, policy.name, counts)
  const features = await vectorsOf(context)
  await parquetWriteRows({
    writer: fileWriter(out),
    columns: parquetColumns,
    schema: parquetSchema,
    rows: rows(context, policy, newest, features, counts),
    rowGroupSize: ROWS_IN_GROUP,
    createdBy: 'feedloop',
    kvMetadata: Object.entries({
      policy: policy.name,
      encoder_version: encoder.version,
      state_dimensions: String(encoder.dimensions),
      item_dimensions: String(context.config.features.dimensions),
    }).map(([key, value]) => ({ key, value })),
  })
  return counts
}

const sourceOf = (context: ServiceContext): AuditSource => ({ ...context, prefix: context.config.topics.prefix })

interface Newest {
  /** End of what was read. */
  readonly until: number
  /** Offsets of newest revisions. */
  readonly offsets: ReadonlySet<number>
}

/** By partition. A transition's revisions stand in one, in order. */
async function newestRevisions(
  context: ServiceContext,
  policy: string,
  counts: { revisions: number },
): Promise<Newest[]> {
  const { log, wire, config } = context
  const topic = topicName(config.topics.prefix, 'transitions')
  const narrow = wire.narrowed?.({ transitions: ['transition_id', 'policy'] }, []) ?? wire
  const source = { ...sourceOf(context), wire: narrow }
  const found: Newest[] = []
  for (let partition = 0; partition < (await log.partitionCount(topic)); partition++) {
    const until = (await log.ends(topic, partition)).latest
    const last = new Map<string, number>()
    for await (const { records } of batchesOf(source, { topic: 'transitions', partition, until }))
      for (const record of records) {
        const said = await decoded<Pick<Transition, 'transition_id' | 'policy'>>(source, 'transitions', record)
        if (said?.policy !== policy) continue
        last.set(said.transition_id, record.offset)
        counts.revisions++
      }
    found.push({ until, offsets: new Set(last.values()) })
  }
  return found
}

async function* rows(
  context: ServiceContext,
  policy: PolicyConfig,
  newest: readonly Newest[],
  features: FeatureStore,
  counts: { rows: number; featureMissing: number },
): AsyncGenerator<Record<string, unknown>> {
  const source = sourceOf(context)
  const encode = exampleOf(context, policy, features)
  for (const [partition, { until, offsets }] of newest.entries())
    for await (const { records } of batchesOf(source, { topic: 'transitions', partition, until }))
      for (const record of records.filter(({ offset }) => offsets.has(offset))) {
        const example = encode((await decoded<Transition>(source, 'transitions', record))!)
        if (example) yield rowOf(example)
        counts[example ? 'rows' : 'featureMissing']++
      }
}

function exampleOf({ config }: ServiceContext, policy: PolicyConfig, features: FeatureStore) {
  const examples = createExampleEncoder({
    encoder: createStateEncoder(config),
    dimensions: config.features.dimensions,
    usesCandidates: true,
    usesNextCandidates: true,
    weightOf: component => policy.rewards[component]?.weight ?? 1,
    range: policy.rewardRange,
  })
  return (transition: Transition): Example | undefined => {
    const example = examples.encode(transition, features)
    // the reward by component is what was logged, without what a range adds to it
    return typeof example === 'string' ? undefined : { ...example, transition }
  }
}

/** All vectors of the log: those that transitions name were in it before them. */
async function vectorsOf(context: ServiceContext): Promise<FeatureStore> {
  const features = createFeatureStore()
  const follower = follow<ItemFeatures>(context, 'features', features.put)
  try {
    await follower.caughtUp
    return features
  } finally {
    await follower.stop()
  }
}
