/** How much each caller may call: a bucket of `burst` calls that fills by `perSecond`, of the callers that came last. */

export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** Takes one call of the caller's; false when there is none. */
export type Allowance = (caller: string) => boolean

interface Bucket {
  left: number
  atMs: number
}

/** @param most callers that are remembered: whoever was forgotten begins with a full bucket, which lasts as long as that many others called */
export function createAllowance({ perSecond, burst }: Rate, now: () => number, most = 10_000): Allowance {
  const buckets = new Map<string, Bucket>()
  return caller => {
    const atMs = now()
    const before = buckets.get(caller) ?? { left: burst, atMs }
    const left = Math.min(burst, before.left + (Math.max(0, atMs - before.atMs) / 1000) * perSecond)
    const passes = left >= 1
    // Set anew, it is the newest of the map.
    buckets.delete(caller)
    buckets.set(caller, { left: passes ? left - 1 : left, atMs })
    if (buckets.size > most) buckets.delete(buckets.keys().next().value!)
    return passes
  }
}
