/**
 * kafkajs's group protocol for our assignment (log/assign.ts). Each member sends along what it owned and since when, so
 * that any of them, elected leader, can keep moves few; the leader gives partition p of every topic to p's owner.
 */
import type { Assigner, Cluster, GroupMember } from 'kafkajs'
import { assign } from '../assign.ts'
import { kafkajs } from './kafkajs.ts'

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol
const NAME = 'feedloop'
const VERSION = 1

/** What a member tells of itself; it may change between two rebalances. */
export interface Claim {
  readonly partitions: readonly number[]
  /** When it was assigned, ms since the epoch: of two claims for a partition the newer one holds. */
  readonly sinceMs: number
}

/** @param claim asked at each rebalance */
export const createAssigner =
  (claim: () => Claim) =>
  ({ cluster }: { cluster: Cluster }): Assigner => ({
    name: NAME,
    version: VERSION,
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: MemberMetadata.encode({ version: VERSION, topics, userData: Buffer.from(JSON.stringify(claim())) }),
    }),
    async assign({ members, topics }) {
      const counts = new Map(topics.map(topic => [topic, cluster.findTopicPartitionMetadata(topic).length]))
      const owners = assign(members.map(toMember), Math.max(...counts.values()))
      return members.map(({ memberId }) => {
        const partitions = owners.get(memberId)!
        const assignment = Object.fromEntries([...counts].map(([topic, n]) => [topic, partitions.filter(p => p < n)]))
        return {
          memberId,
          memberAssignment: MemberAssignment.encode({ version: VERSION, assignment, userData: Buffer.alloc(0) }),
        }
      })
    },
  })

function toMember({ memberId, memberMetadata }: GroupMember) {
  const { userData } = MemberMetadata.decode(memberMetadata)!
  const { partitions, sinceMs } = JSON.parse(userData.toString()) as Claim
  return { id: memberId, previous: partitions, generation: sinceMs }
}
