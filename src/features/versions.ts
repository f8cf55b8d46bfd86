/**
 * Which versions of items are past their time. A decision names the versions that are current when it is taken, so one that
 * another has taken over from is needed only as long as a decision from before can still be learned. Fed with what the
 * `features` topic holds, in its order: what compaction left out makes a takeover look later, never earlier.
 */
import type { Config } from '../config.ts'
import { retentionMs } from '../pipeline.ts'

export interface Versions {
  /** @param loggedMs when the log took the record */
  put(version: { id: string; key: string; timeMs: number; loggedMs: number }): void
  /** The version was deleted. With the current one all that is known of the item goes: what is left may serve again. */
  drop(id: string, key: string): void
  /** Versions that another took over from before this time. */
  supersededBefore(ms: number): readonly { readonly id: string; readonly key: string }[]
}

interface Entry {
  key: string
  timeMs: number
  /** Log time of the takeover, ms, by key of those that are not current; most items have none. */
  superseded?: Map<string, number>
}

/** How long a decision that names a version can be learned: it, or what was joined of it, is in the log so long, and
 * corrections come so long after it. */
export const versionKeptMs = (config: Config): number =>
  Math.max(retentionMs(config, 'recommendations'), retentionMs(config, 'transitions')) +
  Math.max(...config.policies.map(policy => policy.correctionWindowMs))

export function createVersions(): Versions {
  const entries = new Map<string, Entry>()
  return {
    put({ id, key, timeMs, loggedMs }) {
      const entry = entries.get(id)
      if (entry === undefined) entries.set(id, { key, timeMs })
      else if (timeMs >= entry.timeMs) takeOver(entry, key, timeMs, loggedMs)
      else if (key !== entry.key) supersede(entry, key, loggedMs)
    },
    drop(id, key) {
      const entry = entries.get(id)
      if (entry?.key === key) entries.delete(id)
      else entry?.superseded?.delete(key)
    },
    supersededBefore: ms =>
      [...entries].flatMap(([id, { superseded }]) =>
        [...(superseded ?? [])].filter(([, atMs]) => atMs < ms).map(([key]) => ({ id, key })),
      ),
  }
}

/** As the store does (store.ts): of two with the same time the later one is current. */
function takeOver(entry: Entry, key: string, timeMs: number, loggedMs: number): void {
  if (key !== entry.key) supersede(entry, entry.key, loggedMs)
  entry.superseded?.delete(key)
  entry.key = key
  entry.timeMs = timeMs
}

function supersede(entry: Entry, key: string, loggedMs: number): void {
  entry.superseded ??= new Map()
  entry.superseded.set(key, loggedMs)
}
