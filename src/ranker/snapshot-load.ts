/** A ranker's tables filled with what `snapshots` holds, as of the floor's step or later. */
import type { Logger } from 'pino'
import type { Floor, SnapshotPoint } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { Rim } from '../log/chain/rim.ts'
import type { Meter } from '../metrics.ts'
import type { ChainPoint } from '../stage.ts'
import { restore } from './snapshot.ts'
import type { Entry, SnapshotTopic } from './snapshot-topic.ts'
import type { RankerStore } from './state.ts'

export interface LoadOptions {
  readonly rim: Rim
  readonly meter: Meter
  readonly logger: Logger
  readonly partition: number
  readonly config: Pick<Config, 'limits'>
}

export interface Loading {
  readonly floor: Floor
  readonly point: ChainPoint
  /** Told of what contains more than the floor's step. */
  readonly pending: Map<string, SnapshotPoint>
}

/** Rows put into the tables before they are committed: as objects they wait for that, and the collector copies them. */
const RESTORED_AT_ONCE = 20
const SAY_EVERY_MS = 5000

/** Returns keys of which what was known at the floor can't be read: what is known of them now is from after it. */
export async function loadSnapshots(
  { rim, meter, logger, partition, config }: LoadOptions,
  store: RankerStore,
  topic: SnapshotTopic,
  { floor, point, pending }: Loading,
): Promise<ReadonlySet<string>> {
  const labels = { partition: String(partition) }
  const { requestDedupMs } = config.limits
  const hidden = new Set<string>()
  const startedMs = rim.now()
  let saidMs = startedMs
  let count = 0
  const commit = async (at?: ChainPoint): Promise<void> => {
    store.seal?.()
    store.commit(at)
    await store.room?.()
  }
  const take = ({ key, snapshot, contains, unreadable }: Entry): void => {
    hidden.delete(key)
    if (unreadable) hidden.add(key)
    if (contains !== null && contains.offset > point.head.offset) pending.set(key, contains)
    else pending.delete(key)
    restore(store.tables, key, snapshot, requestDedupMs)
  }
  for await (const entry of topic.read(floor.since)) {
    const { key, offset } = entry
    if (key === '' || isPassedOver(entry, floor, point)) {
      // What it stands before may be gone by compaction.
      if (key !== '' && !entry.unreadable) meter.add('feedloop_snapshots_shadowed_total')
      continue
    }
    take(entry)
    if (++count % RESTORED_AT_ONCE > 0) continue
    await commit()
    if (rim.now() - saidMs < SAY_EVERY_MS) continue
    saidMs = rim.now()
    const share = (offset - floor.since) / Math.max(1, topic.end() - floor.since)
    meter.set('feedloop_snapshot_load_progress', labels, share)
    logger.info({ ...labels, percent: Math.round(100 * share), snapshots: count }, 'loading snapshots')
  }
  // With rows that are newer than the point, what is on disk is no state after any step, until they are proved.
  await commit(pending.size === 0 ? point : undefined)
  const seconds = Math.round(rim.now() - startedMs) / 1000
  if (count > 0) logger.info({ ...labels, snapshots: count, seconds }, 'snapshots loaded')
  if (hidden.size > 0) logger.warn({ ...labels, keys: hidden.size }, 'snapshots unreadable, what they held is lost')
  return hidden
}

/** Behind the floor, what is of a step before the floor's is a late rival's, and what can't be read hides nothing that the
 * floor spoke of. */
const isPassedOver = ({ offset, contains, unreadable }: Entry, floor: Floor, point: ChainPoint): boolean =>
  offset >= floor.until && (unreadable || (contains !== null && contains.offset < point.head.offset))
