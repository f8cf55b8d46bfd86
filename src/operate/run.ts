/** Starts services in one process, and stops them in the order in which records flow. */
import { FeedloopError } from '../errors.ts'
import { runFeatures } from '../features/service.ts'
import { runGate } from '../gate/service.ts'
import { runGateway } from '../gateway/service.ts'
import { runIntake } from '../intake/service.ts'
import { runLearner } from '../learner/service.ts'
import { pipeline, type StageName, stageEntry, topicName, topics } from '../pipeline.ts'
import { runRanker } from '../ranker/service.ts'
import { runJoiner } from '../transitions/service.ts'
import type { Running, ServiceContext } from './context.ts'
import { assertPolicyPartitions } from './policy-partitions.ts'

export type Services = Readonly<Record<StageName, (context: ServiceContext) => Promise<Running>>>

/** How each stage of src/pipeline.ts is run. */
export const services: Services = {
  intake: runIntake,
  gateway: runGateway,
  features: runFeatures,
  ranker: runRanker,
  joiner: runJoiner,
  learner: runLearner,
  gate: runGate,
}

/** @throws FeedloopError PARTITION_COUNT_CHANGED, TOPIC_MISCONFIGURED, TOPIC_UNKNOWN and what a service throws when it starts */
export async function startServices(
  context: ServiceContext,
  names: readonly StageName[],
  by: Services = services,
): Promise<readonly Running[]> {
  await assertPartitions(context, names)
  const ordered = pipeline.map(entry => entry.stage).filter(stage => names.includes(stage))
  const started = await Promise.allSettled(ordered.map(name => by[name](traced(context, name))))
  const running = started.flatMap(each => (each.status === 'fulfilled' ? [each.value] : []))
  const failed = started.find(each => each.status === 'rejected')
  if (failed === undefined) return running
  await stopServices(running).catch(() => {})
  throw failed.reason
}

/** The stage's own view of the log, where there is a tracer. */
export const traced = (context: ServiceContext, stage: StageName): ServiceContext =>
  context.tracer ? { ...context, log: context.tracer.log(stage, context.log, context.wire) } : context

/** Stops all, also when one of them cannot: what still ran would keep the process alive. @throws the first that failed */
export async function stopServices(running: readonly Running[]): Promise<void> {
  const failures: unknown[] = []
  for (const service of running) await service.stop().catch(error => failures.push(error))
  if (failures.length > 0) throw failures[0]
}

/** Per-user topics are joined partition by partition: all must have the configured count, or people would be lost; and
 * `models` has one partition a policy.
 * @throws FeedloopError PARTITION_COUNT_CHANGED, TOPIC_MISCONFIGURED */
async function assertPartitions({ log, config }: ServiceContext, names: readonly StageName[]): Promise<void> {
  const entries = names.map(stageEntry)
  const used = new Set(
    entries.flatMap(({ reads, broadcast, writes, keeps = [] }) => [...reads, ...broadcast, ...writes, ...keeps]),
  )
  const { prefix, partitions } = config.topics
  if (used.has('models')) await assertPolicyPartitions(log, config)
  for (const topic of [...used].filter(each => topics[each].partitions === 'users')) {
    const count = await log.partitionCount(topicName(prefix, topic))
    if (count === partitions) continue
    throw new FeedloopError(
      'PARTITION_COUNT_CHANGED',
      `${topicName(prefix, topic)} has ${count} partitions, topics.partitions says ${partitions}`,
    )
  }
}
