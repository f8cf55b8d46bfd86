/** `models` has a partition for each policy, and which is whose is said by the order of `policies` alone (src/learner/own-partition.ts). */
import type { Config } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { topicName } from '../pipeline.ts'

type Parts = Pick<Config, 'policies' | 'topics'>

const TOO_FEW =
  'put those that are missing back, each at its place (heartbeats by a heartbeat.everyMs above 0): one that nobody asks for ' +
  'learns nothing'
const TOO_MANY =
  'take the new ones out again (heartbeats by heartbeat.everyMs: 0), or move to another prefix with them (docs/repartition.md)'

/** What is wrong with a count of partitions of `models`, and what to do; undefined: nothing. */
export function policiesFault({ policies, topics }: Parts, count: number): string | undefined {
  if (count === policies.length) return undefined
  const names = policies.map(({ name }) => name).join(', ')
  return (
    `${topicName(topics.prefix, 'models')} has ${count} partitions, one a policy, and there are ${policies.length} policies ` +
    `(${names}): ${count > policies.length ? TOO_FEW : TOO_MANY}`
  )
}

/** Before anything starts. @throws FeedloopError TOPIC_MISCONFIGURED, TOPIC_UNKNOWN */
export async function assertPolicyPartitions(log: Log, parts: Parts): Promise<void> {
  const fault = policiesFault(parts, await log.partitionCount(topicName(parts.topics.prefix, 'models')))
  if (fault !== undefined) throw new FeedloopError('TOPIC_MISCONFIGURED', fault)
}

/** The same as a line of `feedloop topics check`, which names a topic that is missing itself. */
export async function checkPolicyPartitions(log: Log, parts: Parts): Promise<string[]> {
  const [models] = await log.describeTopics([topicName(parts.topics.prefix, 'models')], [])
  const fault = models && policiesFault(parts, models.partitions)
  return fault === undefined ? [] : [fault]
}
