/**
 * The audit: recomputes from the topics that every request, decision, outcome and transition is accounted for, each
 * once. It believes nothing that a service counted. Partition by partition, so one partition is in memory at a time.
 *
 * What it judges is what is below the positions of the last accepted steps; what is above is pending and counted so.
 * Outcomes that arrived later than correctionWindowMs behind the joiner's clock are beyond the rule of the batch join
 * and would be listed; so would those whose decisions' topics were cut by retention.
 */
import type { BehaviorEvent, Recommendation, Request, Transition } from '../../schemas/records.ts'
import type { StepHeader } from '../log/chain/header.ts'
import { topicName } from '../pipeline.ts'
import { countDecisions, siftDecisions } from './audit/decisions.ts'
import { type Difference, type Ledger, openLedger } from './audit/ledger.ts'
import { auditModel, newestModels } from './audit/models.ts'
import { auditOutcomes, sift } from './audit/outcomes.ts'
import {
  type AuditSource,
  type DeadLetters,
  decoded,
  nextOf,
  type Read,
  readChain,
  readDeadLetters,
  readPlain,
} from './audit/read.ts'
import { auditRequests } from './audit/requests.ts'
import { type Accounts, atClose, auditTransitions, book } from './audit/transitions.ts'
import { batchJoin } from './batch.ts'

export interface AuditReport extends Omit<Ledger, 'found' | 'differences'> {
  /** No difference was found. */
  readonly balanced: boolean
  /** The first thousand. */
  readonly differences: readonly Difference[]
}

/** Reads all topics and balances the accounts. Reads only; may run beside the services.
 * @throws FeedloopError CHAIN_IDENTITY_LOST, CHAIN_HEADER_INVALID, TOPIC_UNKNOWN */
export async function audit(source: AuditSource): Promise<AuditReport> {
  const ledger = openLedger()
  const partitions = await source.log.partitionCount(topicName(source.prefix, 'requests'))
  const models = await newestModels(source)
  const offsets: number[][] = []
  for (let partition = 0; partition < partitions; partition++)
    offsets.push(await auditPartition(ledger, source, partition))
  for (const model of models) auditModel(ledger, model, offsets)
  const { found, ...report } = ledger
  return { balanced: found === 0, ...report }
}

/** Returns the offsets of the accepted transition records. Downstream is read first, so that whatever a step covers is
 * there when its inputs are read. */
async function auditPartition(ledger: Ledger, source: AuditSource, partition: number): Promise<number[]> {
  const accounts: Accounts = new Map()
  const offsets: number[] = []
  const transitions = await readChain(source, 'transitions', partition, async record => {
    const value = await decoded<Transition>(source, 'transitions', record)
    if (value) book(accounts, value)
    offsets.push(record.offset)
  })
  ledger.transitions.skippedBatches += transitions.skippedBatches
  const decisions: Read<Recommendation>[] = []
  const recommendations = await readChain(source, 'recommendations', partition, async record => {
    const value = await decoded<Recommendation>(source, 'recommendations', record)
    decisions.push({ offset: record.offset, value: value && pruned(value) })
  })
  const events = await readPlain<BehaviorEvent>(source, 'events', partition)
  const requests = await readPlain<Request>(source, 'requests', partition)
  const letters = await readDeadLetters(source)
  auditRequests(ledger, {
    partition,
    prefix: source.prefix,
    requests,
    decided: new Set(decisions.map(({ value }) => value?.decision_id ?? '')),
    letters,
    next: nextOf(recommendations.header, 'requests', partition),
  })
  const partitions = await source.log.partitionCount(topicName(source.prefix, 'events'))
  const { header } = transitions
  auditJoins(ledger, source, { partition, partitions, accounts, header, decisions, events, letters })
  return offsets
}

/** A decision without what the audit does not need, which is most of its bytes. */
const pruned = (decision: Recommendation): Recommendation => ({
  ...decision,
  state: { ...decision.state, profile: null, history: [], counts: {}, context: {} },
  candidates: [],
  first_slot_probabilities: [],
})

interface Joins {
  readonly partition: number
  readonly partitions: number
  readonly accounts: Accounts
  /** Of the joiner's last accepted step. */
  readonly header: StepHeader | null
  readonly decisions: readonly Read<Recommendation>[]
  readonly events: readonly Read<BehaviorEvent>[]
  readonly letters: DeadLetters
}

function auditJoins(ledger: Ledger, source: AuditSource, joins: Joins): void {
  const { partition, partitions, accounts, header, events, letters } = joins
  const { config, prefix } = source
  const all = siftDecisions(ledger, { partition, prefix, decisions: joins.decisions, letters })
  const decisions = all
    .filter(({ offset }) => offset < nextOf(header, 'recommendations', partition))
    .map(({ value }) => value!)
  const facts = { source, partition, partitions, events, letters, next: nextOf(header, 'events', partition) }
  const accepted = sift(ledger, facts)
  const batch = batchJoin(
    decisions,
    accepted.map(each => each.event),
    config,
  )
  const nowMs = Math.min(
    header?.tick.watermarkMs ?? -1,
    newest(
      decisions,
      accepted.map(each => each.event),
    ),
  )
  const keepMs = Math.max(...config.policies.map(policy => policy.correctionWindowMs))
  auditOutcomes(ledger, facts, accepted, { batch, nowMs, keepMs })
  const windows = atClose(config)
  const byId = new Map(decisions.map(each => [each.decision_id, each]))
  auditTransitions(ledger, accounts, batch, id => {
    const { policy, request_time_ms } = byId.get(id)!
    return windows.has(policy) && request_time_ms + windows.get(policy)! > nowMs
  })
  countDecisions(ledger, batch, accounts, all.length - decisions.length)
}

/** The newest event time: the joiner's clock is not behind it and the watermark both. */
function newest(decisions: readonly Recommendation[], events: readonly BehaviorEvent[]): number {
  let newestMs = -1
  for (const { request_time_ms } of decisions) newestMs = Math.max(newestMs, request_time_ms)
  for (const { time_ms } of events) newestMs = Math.max(newestMs, time_ms)
  return newestMs
}
