/**
 * Snapshots of users in a compacted topic, so that a partition that moves to another machine keeps what the retention of
 * `events` has let go of: rebuild = snapshots + the steps after them.
 *
 * The topic is not chained (compaction would cut a chain), so rivals may write to it. What makes it safe:
 * - a snapshot is of a state after an accepted step and names it, so a late rival's is old and never false;
 * - the *floor*, written after the snapshots, names a step all of whose changes are in the snapshots before an offset.
 *   Recovery proves it by the reader's rule, as the position of a state on disk, and folds what came after it; inputs that
 *   a newer snapshot contains already are left out, and the step that it names must turn up in the chain;
 * - of two snapshots of a key (a deletion is one, too) the one of the later step counts. Lest compaction keep the other, who
 *   finds a gap before its own append, or looks, reads it and writes those keys anew before it moves the floor;
 * - when what is there is not believed, or the topic has lost what was saved, a floor without a step voids all before it.
 */
import type { Logger } from 'pino'
import type { Floor, SnapshotPoint } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { type ChainIo, retrying, Stopped } from '../log/chain/rim.ts'
import type { NewRecord } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import type { Meter } from '../metrics.ts'
import type { ChainPoint } from '../stage.ts'
import { LAST_KEY, type Table } from '../state/table.ts'
import { createSaving } from './saving.ts'
import { containedAt, floorSnapshot, snapshotOf } from './snapshot.ts'
import { tracked, type Walk, walkKeys } from './snapshot-keys.ts'
import { loadSnapshots } from './snapshot-load.ts'
import { openSnapshotTopic, type Seen } from './snapshot-topic.ts'
import type { RankerStore } from './state.ts'

export interface SnapshotOptions {
  readonly io: ChainIo
  readonly wire: Wire
  readonly config: Pick<Config, 'topics' | 'state' | 'limits'>
  readonly meter: Meter
  readonly logger: Logger
  readonly partition: number
  readonly pace?: Partial<Pace>
  /** Only the simulation's tests pass another. */
  readonly savingOf?: typeof createSaving
}

export interface Pace {
  /** Between two appends, ms: with `KEYS_AT_ONCE` the most that is written in a second. */
  readonly pauseMs: number
  /** Between two floors, ms. */
  readonly floorMs: number
  /** Who appends nothing looks so often whether somebody else has, ms: long before compaction takes place. */
  readonly lookMs: number
  /** After an append that failed, ms. */
  readonly retryMs: number
}
const usual: Pace = { pauseMs: 100, floorMs: 1000, lookMs: 30_000, retryMs: 5000 }

/** Keys and bytes of one append. */
const KEYS_AT_ONCE = 200
const BYTES_AT_ONCE = 512 << 10
/** Keys that are looked for at once where all are to be written. In memory to look for some costs as much as for all. */
const SLICE = { disk: 500, memory: Number.POSITIVE_INFINITY }

/** A store whose rows are also in the log: empty ones are filled from there, and changes are written there in the background.
 * @throws FeedloopError TOPIC_UNKNOWN and what the log throws for good */
export async function withSnapshots(options: SnapshotOptions, store: RankerStore): Promise<RankerStore> {
  const { config, partition, meter, logger, io, savingOf = createSaving } = options
  const pace = { ...usual, ...options.pace }
  const { snapshotMs } = config.state
  const topic = await openSnapshotTopic(io, { ...options, prefix: config.topics.prefix })
  const { floor, late } = await topic.lastFloor()
  const point = pointOf(floor)
  const pending = new Map<string, SnapshotPoint>()
  /** Keys that are to be written at once: somebody else has written of them since, or they are erased. */
  const strangers = new Set<string>(late)
  const fill = async (): Promise<ChainPoint | null> => {
    if (point === null) return null
    const loading = { floor: floor!, point, pending }
    const hidden = await loadSnapshots({ ...options, rim: io.rim }, store, topic, loading)
    for (const key of hidden) strangers.add(key)
    return point
  }
  const wasEmpty = !store.openedAt
  let openedAt = store.openedAt ?? (await fill())
  /** Is what is in the tables from the topic? */
  let filled = wasEmpty

  const saving = savingOf(store.tables.unsaved, openedAt, io.rim.now())
  const changed = new Set<string>()
  /** Of which: deleted. */
  const gone = new Set<string>()
  const tables = tracked(store.tables, changed, gone)
  const walkAll = (): Walk => walkKeys(store.tables, store.reset ? SLICE.disk : SLICE.memory)
  // A state that was on disk before there were snapshots has all to save.
  let walk = !wasEmpty && point === null ? walkAll() : null
  /** The topic has lost some of what was saved there. */
  let isHoled = !wasEmpty && saving.reached > topic.end()
  let since = floor?.since ?? topic.end()
  let moved: ChainPoint | null = point
  /** Null until recovery has proved where it begins: nothing is written of a step that the chain may not have. */
  let last: ChainPoint | null = null
  let appending: Promise<void> | null = null
  let nextMs = 0
  let nextFloorMs = 0
  let nextLookMs = 0
  let closed = false

  const recordOf = (key: string): NewRecord => {
    const contains = containedAt(last!)
    return topic.record(key, snapshotOf(store.tables, key, contains), contains)
  }
  const gather = (): { records: NewRecord[]; keys: readonly string[]; strange: string[] } => {
    if (walk !== null && strangers.size < KEYS_AT_ONCE) for (const key of walk.next()) strangers.add(key)
    if (walk?.done) walk = null
    const strange = [...strangers].slice(0, KEYS_AT_ONCE)
    const keys = strange.length > 0 ? [] : saving.take(snapshotMs, KEYS_AT_ONCE, io.rim.now())
    return { records: [...strange, ...keys].map(recordOf), keys, strange }
  }
  const hear = ({ others, lost }: Seen): void => {
    nextLookMs = io.rim.now() + pace.lookMs
    for (const key of others) strangers.add(key)
    // Another's floor is older, and says nothing of what was void.
    if (strangers.delete('')) moved = null
    if (lost) isHoled = true
  }
  const put = async (records: readonly NewRecord[]): Promise<void> => hear(await topic.append(records))
  const look = async (): Promise<void> => {
    if (io.rim.now() >= nextLookMs) hear(await topic.look())
  }
  /** What the topic holds is not all that was saved: it is void, and everything is saved anew. */
  const startOver = async (): Promise<void> => {
    logger.warn({ partition }, 'snapshots has lost its end, all is written anew')
    const { lost } = await topic.append([topic.record('', nowhere)])
    isHoled = lost
    since = topic.end()
    moved = null
    walk = walkAll()
  }
  const write = async ({ records, strange }: ReturnType<typeof gather>): Promise<void> => {
    for (const key of strange) strangers.delete(key)
    const erased = saving.erase(strange.filter((_, i) => records[i]!.value === null))
    try {
      for (const batch of inBatches(records)) {
        if (closed) throw new Stopped()
        await put(batch)
      }
      erased()
    } catch (error) {
      for (const key of strange) strangers.add(key)
      throw error
    }
    meter.add('feedloop_snapshots_written_total', {}, records.length)
  }
  const writeSome = async (): Promise<void> => {
    const gathered = gather()
    if (gathered.records.length > 0) await write(gathered)
  }
  const moveFloor = async (): Promise<void> => {
    const to = saving.floor()
    if (to === null || strangers.size > 0 || walk !== null || isHoled || closed) return
    if (isSame(to, moved) || io.rim.now() < nextFloorMs) return
    nextFloorMs = io.rim.now() + pace.floorMs
    const before = { point: JSON.stringify(to), since, until: topic.end() }
    await put([topic.record('', floorSnapshot(before))])
    moved = to
  }
  /** Only between steps: what is in the overlay is not accepted. */
  const pump = (): void => {
    const nowMs = io.rim.now()
    if (closed || appending !== null || changed.size > 0 || last === null || pending.size > 0 || nowMs < nextMs) return
    nextMs = nowMs + pace.pauseMs
    appending = (isHoled ? startOver() : writeSome())
      .then(() => saving.settle(true))
      .then(look)
      .then(moveFloor)
      .catch(error => {
        saving.settle(false)
        nextMs = io.rim.now() + pace.retryMs
        if (!closed) logger.warn({ partition, error: String(error) }, 'snapshots not written, they are tried again')
      })
      .finally(() => {
        meter.set('feedloop_snapshots_waiting', { partition: String(partition) }, saving.size + strangers.size)
        appending = null
      })
  }
  meter.set('feedloop_snapshot_load_progress', { partition: String(partition) }, 1)
  const closing = new AbortController()
  const pumpOn = async (): Promise<void> => {
    for (; !closed; pump()) await io.rim.sleep(pace.pauseMs, closing.signal)
  }
  void pumpOn()
  return {
    ...store,
    tables,
    get openedAt() {
      return openedAt
    },
    contains: (userId, name, offset) => offset < (pending.get(userId)?.next[name] ?? 0),
    get outlives() {
      return filled || point === null || openedAt === null || openedAt.head.offset >= point.head.offset
    },
    unproved(since) {
      // Of what is from before no step is left that could say otherwise.
      for (const [key, { offset }] of pending) if (offset < since) pending.delete(key)
      return pending.size > 0
    },
    commit(at) {
      saving.changed(changed, at, { atMs: io.rim.now(), reached: isHoled ? saving.reached : topic.end() })
      for (const key of gone) strangers.add(key)
      for (const set of [changed, gone]) set.clear()
      for (const [userId, { offset, id }] of pending)
        if (offset === at?.head.offset && id === at.head.id) pending.delete(userId)
      store.commit(pending.size === 0 ? at : undefined)
      last = at ?? null
      pump()
    },
    discard() {
      for (const set of [changed, gone]) set.clear()
      store.discard()
    },
    async reset(reason, detail) {
      last = null
      await appending
      if (store.reset) await store.reset(reason, detail)
      else empty(store)
      saving.clear()
      for (const set of [changed, gone, strangers, pending]) set.clear()
      last = moved = openedAt = walk = null
      isHoled = false
      if (!filled) {
        // It was the disk's; the topic's may be better.
        filled = true
        for (const key of late) strangers.add(key)
        openedAt = moved = await fill()
        saving.from(openedAt)
        return
      }
      logger.warn({ partition, reason, detail }, 'snapshots are void, the state is rebuilt from the topics')
      await retrying(io, () => topic.append([topic.record('', nowhere)]))
      since = topic.end()
    },
    async close() {
      closed = true
      closing.abort()
      await appending
      await store.close?.()
    },
  }
}

/** Voids all before it. */
const nowhere = floorSnapshot({ point: null, since: 0, until: 0 })

const isSame = (one: ChainPoint, other: ChainPoint | null): boolean =>
  one.head.offset === other?.head.offset && one.head.id === other.head.id

const pointOf = (floor: Floor | null): ChainPoint | null =>
  floor?.point ? (JSON.parse(floor.point) as ChainPoint) : null

function empty({ tables, commit }: RankerStore): void {
  for (const table of Object.values<Table<unknown>>(tables))
    for (const [key] of [...table.range('', LAST_KEY)]) table.delete(key)
  commit()
}

function* inBatches(records: readonly NewRecord[]): Iterable<NewRecord[]> {
  let batch: NewRecord[] = []
  let bytes = 0
  for (const record of records) {
    const size = record.value?.length ?? 0
    if (batch.length > 0 && bytes + size > BYTES_AT_ONCE) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(record)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
