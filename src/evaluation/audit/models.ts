/** The newest model of each policy has learned every accepted transition record below its positions, once. */
import type { ModelVersion } from '../../../schemas/records.ts'
import type { LogRecord } from '../../log/log.ts'
import { topicName } from '../../pipeline.ts'
import { differ, type Ledger } from './ledger.ts'
import { type AuditSource, decoded, readChain } from './read.ts'

/** A model, and how many accepted transition records are below its positions, as they are counted. */
export interface ModelAccount {
  readonly model: Pick<ModelVersion, 'policy' | 'version' | 'transitions' | 'contains'>
  contained: number
  /** Transitions that it learned may be gone. */
  isCut: boolean
}

/** The newest accepted model of each policy that has one. Read before the transitions, so that they hold all it contains. */
export async function newestModels(source: AuditSource): Promise<ModelAccount[]> {
  const partitions = await source.log.partitionCount(topicName(source.prefix, 'models'))
  const models: ModelAccount[] = []
  for (let partition = 0; partition < partitions; partition++) {
    let newest: LogRecord | undefined
    await readChain(source, 'models', partition, record => {
      newest = record
    })
    const model = newest && (await decoded<ModelVersion>(source, 'models', newest))
    if (model) models.push({ model: { ...model }, contained: 0, isCut: false })
  }
  return models
}

/** Counts an accepted transition record. */
export function countContained(models: readonly ModelAccount[], partition: number, offset: number): void {
  for (const account of models) {
    const next = account.model.contains.find(each => each.topic === 'transitions' && each.partition === partition)?.next
    if (next !== undefined && offset < next) account.contained++
  }
}

export function auditModel(ledger: Ledger, { model, contained, isCut }: ModelAccount): void {
  ledger.model.transitionsContained += contained
  ledger.model.transitionsCounted += model.transitions
  if (isCut ? contained > model.transitions : contained !== model.transitions)
    differ(ledger, 'model_count_differs', `${model.policy}@${model.version}`, {
      expected: contained,
      found: model.transitions,
    })
}
