/** The newest model of each policy has learned every accepted transition record below its positions, once. */
import type { ModelVersion } from '../../../schemas/records.ts'
import type { LogRecord } from '../../log/log.ts'
import { topicName } from '../../pipeline.ts'
import { differ, type Ledger } from './ledger.ts'
import { type AuditSource, decoded, readChain } from './read.ts'

/** Offsets of the accepted transition records of each partition, rising. */
export type AcceptedOffsets = readonly (readonly number[])[]

/** The newest accepted model of each policy that has one. Read before the transitions, so that they hold all it contains. */
export async function newestModels(source: AuditSource): Promise<ModelVersion[]> {
  const partitions = await source.log.partitionCount(topicName(source.prefix, 'models'))
  const models: ModelVersion[] = []
  for (let partition = 0; partition < partitions; partition++) {
    let newest: LogRecord | undefined
    await readChain(source, 'models', partition, record => {
      newest = record
    })
    const model = newest && (await decoded<ModelVersion>(source, 'models', newest))
    if (model) models.push(model)
  }
  return models
}

export function auditModel(ledger: Ledger, model: ModelVersion, accepted: AcceptedOffsets): void {
  const positions = model.contains.filter(({ topic }) => topic === 'transitions')
  const below = positions.map(({ partition, next }) => accepted[partition].filter(offset => offset < next).length)
  const contained = below.reduce((sum, count) => sum + count, 0)
  ledger.model.transitionsContained += contained
  ledger.model.transitionsCounted += model.transitions
  if (contained !== model.transitions)
    differ(ledger, 'model_count_differs', `${model.policy}@${model.version}`, {
      expected: contained,
      found: model.transitions,
    })
}
