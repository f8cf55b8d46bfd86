/**
 * A stage's tables on disk (lmdb), for state beyond memory. The chain is the truth and this is a cache of it: every
 * transaction holds changes of *all* tables together with the chain position that they add up to, so what is on disk is
 * at all times the state after some accepted step, never a mixture and never newer than the chain. Recovery verifies
 * that step and folds what came after it (src/log/chain/recover.ts).
 *
 * Steps are gathered on the heap and written together by lmdb's own thread, at most `flushBytes` or `flushMs` behind;
 * nothing waits for a sync. With `overlappingSync` a transaction is synced after its commit: a killed process loses only
 * what it had on the heap, a power loss goes back to the last synced transaction. In both cases the position is simply
 * older. (`noSync` would be as fast but leaves a file after a power loss whose damage cannot be seen.) `noMemInit` is
 * off: it would leave bytes of this process's memory, passwords too, in unused parts of the file.
 *
 * A file that is torn, of another version or at which processes keep dying is dropped with a reason, and the state is
 * rebuilt. Two owners of a folder: the later one wins, the earlier one's next transaction finds that it lost.
 */
import { rmSync, statSync } from 'node:fs'
import { FeedloopError } from '../errors.ts'
import type { ChainPoint } from '../stage.ts'
import { createPool } from './cache.ts'
import { forgetCrashes } from './crashes.ts'
import { type DropReason, dataFile, failed, journalKey, openFiles, type StoreOptions } from './disk-files.ts'
import { type DiskTable, diskTable, heard } from './disk-table.ts'
import { createJournal } from './journal.ts'
import { createParts } from './parts.ts'
import type { Codec, Table } from './table.ts'

export interface DiskOptions<T extends object> extends StoreOptions<T> {
  /** Encoded bytes of hot values that stay on the heap, for all stores of this process together. */
  readonly cacheBytes: number
  /** Steps are written once they have about so many bytes, … */
  readonly flushBytes?: number
  /** … or when so much time has passed, ms. */
  readonly flushMs?: number
  readonly now: () => number
}

export type Tables<T extends object> = { readonly [K in keyof T]: Table<T[K]> }

export interface DiskState<T extends object> {
  readonly tables: Tables<T>
  /** The step after which this was the state; null: none, the tables are empty. */
  readonly openedAt: ChainPoint | null
  /** Makes the overlay permanent. Without a point what is on disk is worthless until a commit names one.
   * @throws FeedloopError STATE_WRITE_FAILED, STATE_IN_USE of an earlier write */
  commit(point?: ChainPoint): void
  discard(): void
  /** Awaited between steps while the disk is slower than they are. */
  room(): Promise<void> | undefined
  /** Of the file. */
  bytes(): number
  /** Drops everything. */
  reset(reason: DropReason, detail: string): Promise<void>
  /** Writes what is committed, and closes. */
  close(): Promise<void>
}

const FLUSH_BYTES = 2 << 20
const FLUSH_MS = 1000
/** Bytes of rows that wait, to those of hot values: enough that several share a page of five million joins. */
const WAITING = 3
/** Open stores of this process that share `cacheBytes`. */
let openStores = 0

/** Opens or creates. @throws FeedloopError STATE_WRITE_FAILED */
export async function openDisk<T extends object>(options: DiskOptions<T>): Promise<DiskState<T>> {
  const { folder, dropped, now } = options
  const { flushBytes = FLUSH_BYTES, flushMs = FLUSH_MS } = options
  const names = Object.keys(options.codecs) as (keyof T & string)[]

  openStores++
  const pool = createPool(() => options.cacheBytes / 2 / openStores)
  let files = await openFiles(options, names)
  let journal = createJournal()
  let tables = tablesOf()
  let point: ChainPoint | null = files.point
  // The first step is written at once: from then on a death is no sign of a damaged file.
  let flushedMs = Number.NEGATIVE_INFINITY
  let changed = false
  let flushing: Promise<void> | null = null
  let failure: unknown
  function tablesOf(): Record<string, DiskTable<unknown>> {
    const { memtable, sizes } = files
    const made = names.map((name, i) => {
      const codec = options.codecs[name] as Codec<unknown>
      const waiting = codec.scattered && {
        get: (key: string) => memtable.get(i, key),
        keys: () => memtable.keys(i),
        put: (key: string, row: Buffer | null) => journal.add(i, key, row),
      }
      return [
        name,
        diskTable({
          db: files.tables[name],
          codec,
          pool,
          size: sizes[name] ?? 0,
          ...(waiting && { waiting }),
          ...(codec.fixed && { parts: createParts(files.parts[name], codec) }),
        }),
      ]
    })
    return Object.fromEntries(made)
  }
  const all = (): DiskTable<unknown>[] => Object.values(tables)
  const freshBytes = (): number => all().reduce((sum, table) => sum + table.freshBytes, 0)
  const sizesOf = () => Object.fromEntries(names.map(name => [name, tables[name].committed]))
  const check = (): void => {
    if (failure !== undefined) throw failure
  }
  const flush = async (): Promise<void> => {
    flushedMs = now()
    changed = false
    const { meta, owner, env, memtable, journals } = files
    const number = files.nextJournal++
    const plan = memtable.plan((WAITING * options.cacheBytes) / openStores)
    journal = createJournal()
    let written: Buffer = Buffer.alloc(0)
    const own = await meta
      .ifVersion('owner', owner, () => {
        for (const merge of plan.merges()) {
          journal.merged(merge)
          tables[names[merge.table]].merge(merge.rows)
        }
        for (const table of all()) table.write()
        written = journal.bytes()
        if (written.length > 0) heard(journals.put(journalKey(number), written))
        for (const gone of plan.journals) heard(journals.remove(journalKey(gone)))
        heard(meta.put('point', Buffer.from(JSON.stringify(point))))
        heard(meta.put('sizes', Buffer.from(JSON.stringify(sizesOf()))))
      })
      .catch(rethrowCause)
    if (!own) throw new FeedloopError('STATE_IN_USE', folder)
    env.resetReadTxn()
    memtable.merged(plan)
    memtable.add(number, written)
    for (const table of all()) table.written()
    forgetCrashes(folder)
  }
  const startFlush = (): void => {
    flushing = flush()
      .catch((cause: unknown) => {
        failure = failed(folder, cause)
      })
      .finally(() => {
        flushing = null
      })
  }
  /** Tables keep their identity across a reset. */
  const outer = Object.fromEntries(names.map(name => [name, lent(() => tables[name])])) as unknown as Tables<T>

  return {
    tables: outer,
    get openedAt() {
      return files.point
    },
    commit(at) {
      check()
      point = at ?? null
      for (const table of all()) table.commit()
      changed = true
      if (flushing === null && (freshBytes() >= flushBytes || now() - flushedMs >= flushMs)) startFlush()
    },
    discard() {
      for (const table of all()) table.discard()
    },
    room: () => (flushing !== null && freshBytes() >= flushBytes ? flushing : undefined),
    bytes: () => statSync(dataFile(folder), { throwIfNoEntry: false })?.size ?? 0,
    async reset(reason, detail) {
      await flushing
      check()
      dropped(reason, detail)
      await files.env.close()
      rmSync(folder, { recursive: true, force: true })
      files = await openFiles(options, names)
      tables = tablesOf()
      point = null
      changed = false
    },
    async close() {
      openStores--
      await flushing
      if (failure === undefined && changed) {
        startFlush()
        await flushing
      }
      // After a failed transaction the binding never comes back from closing.
      if (failure !== undefined) return
      await files.env.close()
      forgetCrashes(folder)
    },
  }
}

/** A failed commit names its cause by a promise that fails. */
async function rethrowCause(error: { commitError?: Promise<unknown> }): Promise<never> {
  await error.commitError
  throw error
}

/** A table that stands for whichever is current. */
function lent(current: () => Table<unknown>): Table<unknown> {
  return {
    get: key => current().get(key),
    set: (key, value) => current().set(key, value),
    delete: key => current().delete(key),
    range: (from, to) => current().range(from, to),
    get size() {
      return current().size
    },
    commit: () => current().commit(),
    discard: () => current().discard(),
  }
}
