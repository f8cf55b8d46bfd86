/** Which versions have a pinned share of the traffic, by the releases: what rewards are counted apart by. Nothing that is written
 * depends on it, and who can't follow counts all versions as those that follow. */
import type { Release } from '../../schemas/records.ts'

/** What the joiner is lent besides its inputs, for its counts alone. */
export interface Traffic {
  /** True for a version with a share of its own, which no newer one takes. */
  isPinned(policy: string, version: string): boolean
}

export interface KnownTraffic extends Traffic {
  put(release: Release): void
}

export function createTraffic(): KnownTraffic {
  const pinned = new Map<string, ReadonlySet<string>>()
  return {
    put({ policy, shares }) {
      pinned.set(policy, new Set(shares.filter(share => !share.follows).map(share => share.model_version)))
    },
    isPinned: (policy, version) => pinned.get(policy)?.has(version) === true,
  }
}
