/**
 * The ids that were decided, so that no request is decided twice: `requests` is at-least-once. Ids are remembered in
 * buckets of decision time and forgotten a bucket at a time, once all of it is older than the window by the newest
 * decision (not by a clock: recovery folds the same decisions and must remember the same ids).
 */

export interface DecidedIds {
  has(id: string): boolean
  add(id: string, decisionTimeMs: number): void
  commit(): void
  discard(): void
}

const bucketsPerWindow = 8

export function decidedIds(windowMs: number): DecidedIds {
  const bucketMs = Math.max(1, Math.ceil(windowMs / bucketsPerWindow))
  const buckets = new Map<number, Set<string>>()
  let overlay = new Map<string, number>()
  let newestMs = 0
  const forget = (): void => {
    for (const bucket of buckets.keys()) if ((bucket + 1) * bucketMs <= newestMs - windowMs) buckets.delete(bucket)
  }
  return {
    has(id) {
      if (overlay.has(id)) return true
      for (const ids of buckets.values()) if (ids.has(id)) return true
      return false
    },
    add: (id, decisionTimeMs) => void overlay.set(id, decisionTimeMs),
    commit() {
      for (const [id, decisionTimeMs] of overlay) {
        const bucket = Math.floor(decisionTimeMs / bucketMs)
        if (!buckets.has(bucket)) buckets.set(bucket, new Set())
        buckets.get(bucket)!.add(id)
        newestMs = Math.max(newestMs, decisionTimeMs)
      }
      overlay = new Map()
      forget()
    },
    discard() {
      overlay = new Map()
    },
  }
}
