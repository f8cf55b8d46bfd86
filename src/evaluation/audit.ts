/**
 * The audit: recomputes from the topics that every request, decision, outcome and transition is accounted for, each
 * once. It believes nothing that a service counted, only what accepted steps say of themselves.
 *
 * It streams: one walk over each partition in the joiner's order (audit/walk.ts), its records put aside in buckets of
 * people (audit/buckets.ts), each judged by the batch join (audit/judge.ts). In memory are one bucket, of about
 * `bucketRecords` records at a kilobyte or less, and the dead letters' codes at some 50 bytes each; the buckets of one
 * partition are on disk.
 *
 * What it judges is what is below the positions of the last accepted steps; what is above is pending and counted so. That
 * is why it may run beside the services. What was taken together with records that retention has removed since is counted
 * as unjudged; what was taken before its user was forgotten, as forgotten.
 */
import type { Recommendation, Request, Transition } from '../../schemas/records.ts'
import { type TopicName, topicName } from '../pipeline.ts'
import { unconstrained } from '../recommendations/decision.ts'
import { openBuckets } from './audit/buckets.ts'
import { type Entry, judgeBucket } from './audit/judge.ts'
import { type Difference, type Ledger, openLedger } from './audit/ledger.ts'
import { auditModel, countContained, type ModelAccount, newestModels } from './audit/models.ts'
import { type AuditSource, type DeadLetters, decoded, readDeadLetters, recordsOf } from './audit/read.ts'
import type { Booked } from './audit/transitions.ts'
import { type WalkOptions, walkJoiner } from './audit/walk.ts'

export interface AuditReport extends Omit<Ledger, 'differences'> {
  /** No difference was found. */
  readonly balanced: boolean
  /** The first thousand. */
  readonly differences: readonly Difference[]
}

export interface AuditOptions {
  /** Records judged at once, about; more are put aside on disk. Default 200,000. */
  readonly bucketRecords?: number
}

const BUCKET_RECORDS = 200_000

/** Reads all topics and balances the accounts. Reads only; may run beside the services.
 * @throws FeedloopError CHAIN_IDENTITY_LOST, CHAIN_HEADER_INVALID, TOPIC_UNKNOWN */
export async function audit(source: AuditSource, options: AuditOptions = {}): Promise<AuditReport> {
  const ledger = openLedger()
  const partitions = await source.log.partitionCount(topicName(source.prefix, 'requests'))
  // downstream first: what a step covers is there when its inputs' ends are taken
  const models = await newestModels(source)
  const untils: WalkOptions['until'][] = []
  for (let partition = 0; partition < partitions; partition++)
    untils.push({
      transitions: await endOf(source, 'transitions', partition),
      recommendations: await endOf(source, 'recommendations', partition),
    })
  const letters = await readDeadLetters(source)
  for (const [partition, until] of untils.entries())
    await auditPartition(ledger, { source, partition, partitions, until, letters, models, ...options })
  for (const model of models) auditModel(ledger, model)
  return { balanced: ledger.found === 0, ...ledger }
}

const endOf = async ({ log, prefix }: AuditSource, topic: TopicName, partition: number): Promise<number> =>
  (await log.ends(topicName(prefix, topic), partition)).latest

interface PartitionFacts extends AuditOptions {
  readonly source: AuditSource
  readonly partition: number
  readonly partitions: number
  readonly until: WalkOptions['until']
  readonly letters: DeadLetters
  readonly models: readonly ModelAccount[]
}

async function auditPartition(ledger: Ledger, facts: PartitionFacts): Promise<void> {
  const { source, partition, partitions, until, letters, models } = facts
  const buckets = openBuckets<Entry>(Math.ceil((await records(facts)) / (facts.bucketRecords ?? BUCKET_RECORDS)))
  const walk = await walkJoiner(source, {
    partition,
    until,
    visit: {
      decision({ offset, value }, moment) {
        if (value) buckets.put(value.decision_id, { decided: value.decision_id })
        buckets.put(value?.user_id ?? '', { decision: { offset, value: value && pruned(value), moment } })
      },
      event: (read, moment) => buckets.put(read.value?.user_id ?? '', { event: { ...read, moment } }),
      transition({ offset }, value) {
        countContained(models, partition, offset)
        if (value) buckets.put(value.user_id, { transition: booked(value) })
      },
    },
  })
  for await (const record of recordsOf(source, { topic: 'requests', partition })) {
    const value = await decoded<Request>(source, 'requests', record)
    const request = { offset: record.offset, value: value && { request_id: value.request_id } }
    buckets.put(value?.request_id ?? '', { request })
  }
  ledger.transitions.skippedBatches += walk.skippedBatches
  if (walk.isCut) for (const model of models) model.isCut = true
  for (const entries of buckets.drain())
    judgeBucket(ledger, entries, { config: source.config, partition, partitions, letters, walk })
}

async function records({ source: { log, prefix }, partition }: PartitionFacts): Promise<number> {
  let sum = 0
  for (const topic of ['requests', 'events', 'recommendations', 'transitions'] as const) {
    const { earliest, latest } = await log.ends(topicName(prefix, topic), partition)
    sum += latest - earliest
  }
  return sum
}

/** A decision without what the audit does not need, which is most of its bytes. */
const pruned = (decision: Recommendation): Recommendation => ({
  ...decision,
  state: { ...decision.state, profile: null, history: [], counts: {}, context: {} },
  candidates: [],
  constraints: unconstrained,
  first_slot_probabilities: [],
})

const booked = (transition: Transition): Booked => ({
  transition_id: transition.transition_id,
  decision_id: transition.decision_id,
  revision: transition.revision,
  kind: transition.kind,
  delta: transition.delta,
  cumulative: transition.cumulative,
  next_decision_id: transition.next_decision_id,
  discount: transition.discount,
  terminated: transition.terminated,
  truncated: transition.truncated,
})
