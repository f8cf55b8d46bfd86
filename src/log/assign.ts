/**
 * Who owns which partition, within one group. Partition p stands for partition p of *every* topic of the group, because
 * the stages join partition p of one topic with partition p of another; so there is one number to give away, not one a topic.
 *
 * Balanced (counts differ by at most one), sticky (as few as possible change hands among balanced assignments), and a
 * function of its arguments only, whatever their order. It forbids that two members own one partition.
 */

export interface Member {
  readonly id: string
  /** What the member owned before, by its own account; two members may claim the same (one was away for a while). */
  readonly previous: readonly number[]
  /** Counts the rebalances that the member has seen: of two claims the newer one holds. */
  readonly generation?: number
}

const byId = (a: Member, b: Member) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** The claims that hold: each partition's newest claimant. Returns owned partitions, ascending, by member id. */
function settleClaims(members: readonly Member[], partitions: number): Map<string, number[]> {
  const newestFirst = [...members].sort((a, b) => (b.generation ?? 0) - (a.generation ?? 0) || byId(a, b))
  const taken = new Set<number>()
  const owned = new Map<string, number[]>()
  for (const { id, previous } of newestFirst) {
    const valid = [...previous].sort((a, b) => a - b).filter(p => p >= 0 && p < partitions)
    const kept = valid.filter(p => !taken.has(p) && taken.add(p))
    owned.set(id, kept)
  }
  return owned
}

/** Gives partitions 0 … `partitions`-1 to `members`, each an ascending list; a member may get none.
 * Moves are minimal: the members that own most keep the larger shares, and each keeps as much of its own as fits. */
export function assign(members: readonly Member[], partitions: number): Map<string, number[]> {
  if (members.length === 0) return new Map()
  const owned = settleClaims(members, partitions)
  const share = Math.floor(partitions / members.length)
  const larger = partitions % members.length
  const byOwned = [...members].sort((a, b) => owned.get(b.id)!.length - owned.get(a.id)!.length || byId(a, b))
  const quota = new Map(byOwned.map(({ id }, rank) => [id, share + (rank < larger ? 1 : 0)]))
  const result = new Map([...members].sort(byId).map(({ id }) => [id, owned.get(id)!.slice(0, quota.get(id)!)]))
  const given = new Set([...result.values()].flat())
  const free = Array.from({ length: partitions }, (_, p) => p).filter(p => !given.has(p))
  for (const [id, list] of result) list.push(...free.splice(0, quota.get(id)! - list.length))
  for (const list of result.values()) list.sort((a, b) => a - b)
  return result
}
