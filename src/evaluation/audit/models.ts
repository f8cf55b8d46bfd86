/**
 * The newest model of each partition of `models` has learned every accepted transition record below its positions that
 * its policy was there for (lineage.ts), once. Versions count transitions, so it does not matter whose tensors are gone.
 *
 * Where the policy's beginning is gone, what it learned since its oldest version left must add up. That version must not
 * have learned more than there are; if it learned fewer, nobody can say any more whether it began behind them or lost
 * them: they are counted as unjudged.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import type { LogRecord } from '../../log/log.ts'
import { topicName } from '../../pipeline.ts'
import { differ, type Ledger } from './ledger.ts'
import { type Book, createBook, type First, type Lineage, noteStep, partOf } from './lineage.ts'
import { type AuditSource, batchesOf, decoded } from './read.ts'

type Counted = Pick<ModelVersion, 'policy' | 'version' | 'transitions' | 'contains'>

/** A model, and how many accepted transition records are below its positions, as they are counted. */
export interface ModelAccount {
  readonly model: Counted
  readonly lineage: Lineage
  /** That it was there for; where its beginning is gone, since its oldest version left. */
  contained: number
  /** Below the positions of its oldest version left, where its beginning is gone. */
  before: number
  /** Transitions that it learned may be gone. */
  isCut: boolean
}

/** The newest accepted model of each partition that has one. Read before the transitions, so that they hold all it contains. */
export async function newestModels(source: AuditSource): Promise<ModelAccount[]> {
  const partitions = await source.log.partitionCount(topicName(source.prefix, 'models'))
  const models: ModelAccount[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const account = await newestModel(source, partition)
    if (account) models.push(account)
  }
  return models
}

async function newestModel(source: AuditSource, partition: number): Promise<ModelAccount | undefined> {
  const book = createBook()
  let newest: LogRecord | undefined
  for await (const batch of batchesOf(source, { topic: 'models', partition })) {
    const record = batch.records.at(-1)
    newest = record ?? newest
    const version = record && (await versionOf(source, book, record))
    // one that can't be read is as if it were gone
    if (version !== null) noteStep(book, batch, version)
  }
  const model = newest && (await decoded<ModelVersion>(source, 'models', newest))
  return model ? openAccount({ ...model }, book) : undefined
}

/** A version is large, and of those in a row of one policy the key says enough. Null when it does not decode. */
const versionOf = (
  source: AuditSource,
  { policy }: Book,
  record: LogRecord,
): Promise<First | null> | { policy: string } =>
  policy !== undefined && record.key?.toString() === policy
    ? { policy }
    : decoded<ModelVersion>(source, 'models', record)

/** @param model the newest version that the book was told of */
export const openAccount = (model: Counted, { lineages }: Book): ModelAccount => ({
  model,
  lineage: lineages.get(model.policy)!,
  contained: 0,
  before: 0,
  isCut: false,
})

/** Counts an accepted transition record. */
export function countContained(models: readonly ModelAccount[], partition: number, offset: number): void {
  for (const account of models) {
    const next = account.model.contains.find(each => each.topic === 'transitions' && each.partition === partition)?.next
    if (next === undefined || offset >= next) continue
    const part = partOf(account.lineage, partition, offset)
    if (part === 'own') account.contained++
    else if (part === 'before') account.before++
  }
}

export function auditModel(
  ledger: Ledger,
  { model, lineage: { oldest }, contained, before, isCut }: ModelAccount,
): void {
  const learned = oldest?.transitions ?? 0
  const counted = model.transitions - learned
  ledger.model.transitionsContained += before + contained
  ledger.model.transitionsCounted += model.transitions
  ledger.model.transitionsUnjudged += Math.max(0, before - learned)
  if (isCut ? contained > counted : contained !== counted)
    differ(ledger, 'model_count_differs', `${model.policy}@${model.version}`, {
      expected: learned + contained,
      found: model.transitions,
    })
  if (oldest && !isCut && learned > before)
    differ(ledger, 'model_count_differs', `${model.policy}@${oldest.version}`, { expected: before, found: learned })
}
