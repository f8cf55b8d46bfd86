/**
 * Which broker to ask: the brokers of the cluster, the leaders of the partitions that somebody asked for, controller and
 * group coordinators. What is known is kept until a request says that it is wrong (`forget`). One unknown or leaderless
 * topic does not disturb the others, as it does in kafkajs's own metadata.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { FeedloopError } from '../../errors.ts'
import { type Address, type ConnectionSettings, createNode, type Node } from './node.ts'
import { answeredError, isRefusal } from './refusals.ts'

export interface PartitionInfo {
  readonly leader: number
  readonly replicas: number
}

export interface Router {
  /** @throws FeedloopError TOPIC_UNKNOWN, LOG_UNAVAILABLE */
  leader(topic: string, partition: number): Promise<Node>
  /** @throws FeedloopError TOPIC_UNKNOWN, LOG_UNAVAILABLE */
  partitions(topic: string): Promise<readonly PartitionInfo[]>
  /** Asks anew; topics that do not exist are left out. */
  lookUp(topics: readonly string[]): Promise<Map<string, readonly PartitionInfo[]>>
  controller(): Promise<Node>
  coordinator(group: string): Promise<Node>
  /** Which cluster answers: of the last metadata. @throws FeedloopError LOG_UNAVAILABLE */
  clusterId(): Promise<string>
  forget(topic: string): void
  close(): Promise<void>
}

interface Metadata {
  readonly clusterId: string | null
  readonly brokers: readonly (Address & { readonly nodeId: number })[]
  readonly controllerId: number
  readonly topicMetadata: readonly {
    readonly topic: string
    readonly topicErrorCode: number
    readonly partitionMetadata: readonly { partitionId: number; leader: number; replicas: readonly number[] }[]
  }[]
}

const UNKNOWN_TOPIC = 3
/** A new topic is not known to every broker at once. */
const UNKNOWN_RETRIES = 3
const UNKNOWN_PAUSE_MS = 60

export function createRouter(settings: ConnectionSettings, bootstrap: readonly Address[]): Router {
  const nodes = new Map<number, Node>()
  const seeds = new Map(bootstrap.map(address => [`${address.host}:${address.port}`, createNode(settings, address)]))
  const topics = new Map<string, Promise<readonly PartitionInfo[]>>()
  let controllerId = -1
  let clusterId: string | null = null

  const anyNode = async (): Promise<Node> => {
    const connected = [...nodes.values(), ...seeds.values()].find(node => node.isConnected())
    if (connected) return connected
    const failures: Error[] = []
    for (const node of [...nodes.values(), ...seeds.values()])
      try {
        await node.connect('calls')
        return node
      } catch (error) {
        failures.push(error as Error)
      }
    const refusal = failures.find(isRefusal)
    if (refusal) throw refusal
    throw new FeedloopError('LOG_UNAVAILABLE', `no broker answers: ${failures.map(each => each.message).join('; ')}`)
  }
  const noteBrokers = ({ brokers, controllerId: controller, clusterId: cluster }: Metadata) => {
    controllerId = controller
    clusterId = cluster
    for (const { nodeId, host, port } of brokers) {
      const known = nodes.get(nodeId)
      if (known?.host === host && known.port === port) continue
      known?.close().catch(() => {})
      const seed = seeds.get(`${host}:${port}`)
      nodes.set(nodeId, seed ?? createNode(settings, { host, port }))
    }
  }
  const metadata = async (names: readonly string[]): Promise<Metadata> => {
    const node = await anyNode()
    const answer = await node.ask<Metadata>('Metadata', { topics: names, allowAutoTopicCreation: false })
    noteBrokers(answer)
    return answer
  }
  const lookUp = async (names: readonly string[]) => {
    if (names.length === 0) return new Map<string, readonly PartitionInfo[]>()
    const { topicMetadata } = await metadata(names)
    const known = topicMetadata.filter(({ topic, topicErrorCode }) => {
      if (topicErrorCode !== 0 && topicErrorCode !== UNKNOWN_TOPIC)
        throw answeredError(topicErrorCode, topic, 'LOG_UNAVAILABLE')
      return topicErrorCode === 0
    })
    return new Map(
      known.map(({ topic, partitionMetadata }) => [
        topic,
        [...partitionMetadata]
          .sort((a, b) => a.partitionId - b.partitionId)
          .map(({ leader, replicas }) => ({ leader, replicas: replicas.length })),
      ]),
    )
  }
  const findTopic = async (topic: string): Promise<readonly PartitionInfo[]> => {
    for (let attempt = 0; attempt < UNKNOWN_RETRIES; attempt++) {
      const found = (await lookUp([topic])).get(topic)
      if (found) return found
      await pause(UNKNOWN_PAUSE_MS)
    }
    throw new FeedloopError('TOPIC_UNKNOWN', topic)
  }
  const partitions = (topic: string): Promise<readonly PartitionInfo[]> => {
    const known = topics.get(topic)
    if (known) return known
    const found = findTopic(topic)
    topics.set(topic, found)
    found.catch(() => topics.delete(topic))
    return found
  }
  const nodeOf = (id: number, what: string): Node => {
    const node = nodes.get(id)
    if (!node) throw new FeedloopError('LOG_UNAVAILABLE', `${what} has no broker now`)
    return node
  }
  return {
    async leader(topic, partition) {
      const info = (await partitions(topic))[partition]
      if (!info) throw new FeedloopError('TOPIC_UNKNOWN', `${topic} has no partition ${partition}`)
      if (!nodes.has(info.leader)) topics.delete(topic)
      return nodeOf(info.leader, `${topic}/${partition}`)
    },
    partitions,
    lookUp,
    async controller() {
      if (controllerId < 0) await metadata(['__consumer_offsets'])
      return nodes.get(controllerId) ?? anyNode()
    },
    async clusterId() {
      if (clusterId === null) await metadata(['__consumer_offsets'])
      return clusterId ?? [...seeds.keys()].join(',')
    },
    async coordinator(group) {
      const args = { groupId: group, coordinatorType: 0 }
      const answer = await (await anyNode()).ask<{ errorCode: number; coordinator: { nodeId: number } }>(
        'GroupCoordinator',
        args,
      )
      if (answer.errorCode !== 0) throw answeredError(answer.errorCode, `group ${group}`, 'LOG_UNAVAILABLE')
      if (!nodes.has(answer.coordinator.nodeId)) await metadata(['__consumer_offsets'])
      return nodeOf(answer.coordinator.nodeId, `group ${group}`)
    },
    forget: topic => topics.delete(topic),
    async close() {
      await Promise.allSettled([...new Set([...nodes.values(), ...seeds.values()])].map(node => node.close()))
    },
  }
}
