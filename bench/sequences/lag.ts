/** How old the models are that decide, by what the log says of each decision. */
import type { ModelVersion, Recommendation } from '../../schemas/records.ts'
import { type AuditSource, decoded, readChain } from '../../src/evaluation/audit/read.ts'
import type { ServiceContext } from '../../src/operate/context.ts'
import { type TopicName, topicName } from '../../src/pipeline.ts'

const DECISION = ['model_version', 'decision_time_ms'] as const satisfies readonly (keyof Recommendation)[]

/** @returns ms from when the version that decided was made to the decision, the median; of the initial policy's decisions nothing */
export async function medianModelAgeMs({ config, log, wire }: ServiceContext): Promise<number> {
  const source: AuditSource = { config, log, wire, prefix: config.topics.prefix }
  const madeMs = new Map<string, number>()
  await each<ModelVersion>(source, 'models', ({ version, created_ms }) => madeMs.set(version, created_ms))
  const narrow = wire.narrowed?.({ recommendations: DECISION }, []) ?? wire
  const ages: number[] = []
  await each<Pick<Recommendation, (typeof DECISION)[number]>>(
    { ...source, wire: narrow },
    'recommendations',
    decision => {
      const made = madeMs.get(decision.model_version)
      if (made !== undefined) ages.push(decision.decision_time_ms - made)
    },
  )
  return ages.sort((a, b) => a - b)[Math.floor(ages.length / 2)] ?? Number.NaN
}

async function each<T>(source: AuditSource, topic: TopicName, visit: (value: T) => void): Promise<void> {
  const partitions = await source.log.partitionCount(topicName(source.prefix, topic))
  for (let partition = 0; partition < partitions; partition++)
    await readChain(source, topic, partition, async record => {
      const value = await decoded<T>(source, topic, record)
      if (value) visit(value)
    })
}
