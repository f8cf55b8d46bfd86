/**
 * What each service may do on the bus, from src/pipeline.ts: its inputs it reads, its outputs it writes, and nothing else. Of these
 * are made the chart's KafkaUsers, and what a real broker is told in the tests. `Read` and `Write` imply `Describe`; nobody
 * needs a right on the cluster, since there is neither a transaction nor an idempotent producer.
 */
import type { Config } from '../../src/config.ts'
import {
  groupName,
  intakeGroup,
  pipeline,
  type StageEntry,
  type StageName,
  type TopicName,
  topics as topicTable,
} from '../../src/pipeline.ts'

export type Operation = 'Read' | 'Write' | 'Create' | 'DescribeConfigs' | 'Describe'

export interface Acl {
  readonly resource: 'topic' | 'group'
  readonly name: string
  readonly pattern: 'literal' | 'prefix'
  readonly operations: readonly Operation[]
}

/** Who speaks to the bus: a stage, who watches over all (`feedloop watch`), or the job that makes the topics. */
export type Principal = StageName | 'watch' | 'topics'

export const principals: readonly Principal[] = [...pipeline.map(({ stage }) => stage), 'watch', 'topics']

/** A stage with inputs refuses some; the door refuses to the caller's face. */
const buries = ({ reads, broadcast }: StageEntry): boolean => reads.length > 0 || broadcast.length === 0

/** A chain's task reads its own output: whether it won a step, and what it had emitted. */
const ownAgain = ({ runs, writes, rereads = [] }: StageEntry): readonly TopicName[] =>
  runs === 'chain' ? writes : rereads

/** Rights of a stage, names without the prefix; those of intake on your topics are not among them. */
export function stageAcls(entry: StageEntry): readonly Acl[] {
  const { stage, reads, broadcast, writes, keeps = [] } = entry
  const read = new Set<TopicName>([...reads, ...broadcast, ...keeps, ...ownAgain(entry)])
  const written = new Set<TopicName>([...writes, ...keeps, ...(buries(entry) ? (['dead-letters'] as const) : [])])
  const operations = (topic: TopicName): readonly Operation[] => [
    ...(read.has(topic) ? (['Read'] as const) : []),
    ...(written.has(topic) ? (['Write'] as const) : []),
  ]
  const groups = new Set(reads.map(topic => groupName('', stage as StageName, topic)))
  return [
    ...[...new Set([...read, ...written])].map(topic => literal('topic', topic, operations(topic))),
    ...[...groups].map(group => literal('group', group, ['Read'])),
  ]
}

/** It audits, so it reads all; it sends heartbeats as people send requests and outcomes. It is in no group. */
export const watchAcls = (): readonly Acl[] =>
  (Object.keys(topicTable) as TopicName[]).map(topic =>
    literal('topic', topic, topic === 'requests' || topic === 'events' ? ['Read', 'Write'] : ['Read']),
  )

/** Rights of a principal under a configuration, as a broker is told. */
export function aclsOf(
  principal: Principal,
  { topics: { prefix }, sources }: Pick<Config, 'topics' | 'sources'>,
): Acl[] {
  if (principal === 'topics')
    return [
      { resource: 'topic', name: prefix, pattern: 'prefix', operations: ['Create', 'Describe', 'DescribeConfigs'] },
    ]
  const stage = pipeline.find(entry => entry.stage === principal)
  const own = (stage ? stageAcls(stage) : watchAcls()).map(acl => ({ ...acl, name: `${prefix}${acl.name}` }))
  const foreign = principal === 'intake' ? [...new Set(sources.map(({ topic }) => topic))] : []
  return [
    ...own,
    ...foreign.map(topic => literal('topic', topic, ['Read'])),
    ...foreign.map(topic => literal('group', intakeGroup(prefix, topic), ['Read'])),
  ]
}

const literal = (resource: Acl['resource'], name: string, operations: readonly Operation[]): Acl => ({
  resource,
  name,
  pattern: 'literal',
  operations,
})
