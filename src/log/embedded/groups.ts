/**
 * Groups of the embedded log: members that share partitions within one process, by the same rules as on a broker, and the
 * positions that they commit. Changes of one group happen one after another; members that lose partitions hear of it
 * before those that gain them. A rival that missed the news is not fenced here: as on a broker, that is the chain's duty.
 */
import { FeedloopError } from '../../errors.ts'
import { assign } from '../assign.ts'
import type { Committed, GroupHandlers, Membership } from '../log.ts'

interface GroupMember {
  readonly id: string
  readonly handlers: GroupHandlers
  partitions: readonly number[] | undefined
}

interface Group {
  readonly members: Map<string, GroupMember>
  readonly positions: Map<string, Committed>
  changes: Promise<void>
}

export interface Groups {
  join(group: string, partitions: number, handlers: GroupHandlers): Membership
  committed(group: string, topic: string): readonly Committed[]
  restore(group: string, positions: readonly Committed[]): void
  close(): Promise<void>
}

/** @param saved called with each commit, before it counts */
export function createGroups(saved: (group: string, positions: readonly Committed[]) => void): Groups {
  const groups = new Map<string, Group>()
  let joined = 0
  const groupOf = (name: string): Group => {
    if (!groups.has(name)) groups.set(name, { members: new Map(), positions: new Map(), changes: Promise.resolve() })
    return groups.get(name)!
  }
  const remember = (group: Group, positions: readonly Committed[]) => {
    for (const position of positions) group.positions.set(`${position.topic}/${position.partition}`, position)
  }
  return {
    join(name, partitions, handlers) {
      const group = groupOf(name)
      const member: GroupMember = { id: `member-${String(++joined).padStart(8, '0')}`, handlers, partitions: undefined }
      group.members.set(member.id, member)
      change(group, partitions)
      return {
        async commit(positions) {
          if (!group.members.has(member.id)) throw new FeedloopError('LOG_UNAVAILABLE', `${name}: the member has left`)
          saved(name, positions)
          remember(group, positions)
        },
        async leave() {
          if (group.members.delete(member.id)) await change(group, partitions)
        },
      }
    },
    committed: (name, topic) => [...(groups.get(name)?.positions.values() ?? [])].filter(p => p.topic === topic),
    restore: (name, positions) => remember(groupOf(name), positions),
    async close() {
      for (const group of groups.values()) group.members.clear()
      await Promise.all([...groups.values()].map(group => group.changes))
    },
  }
}

function change(group: Group, partitions: number): Promise<void> {
  group.changes = group.changes.then(() => rebalance(group, partitions))
  return group.changes
}

async function rebalance(group: Group, partitions: number): Promise<void> {
  const members = [...group.members.values()]
  const assignment = assign(
    members.map(({ id, partitions: previous = [] }) => ({ id, previous })),
    partitions,
  )
  const loses = (member: GroupMember) => member.partitions?.some(p => !assignment.get(member.id)!.includes(p)) ?? false
  const losersFirst = [...members.filter(loses), ...members.filter(member => !loses(member))]
  for (const member of losersFirst) await tell(group, member, assignment.get(member.id)!)
}

async function tell(group: Group, member: GroupMember, partitions: readonly number[]): Promise<void> {
  if (!group.members.has(member.id) || member.partitions?.join() === partitions.join()) return
  member.partitions = partitions
  try {
    await member.handlers.assigned(partitions)
  } catch (error) {
    group.members.delete(member.id)
    member.handlers.failed(error as Error)
  }
}
