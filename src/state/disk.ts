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
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { FeedloopError } from '../errors.ts'
import type { ChainPoint } from '../stage.ts'
import { createPool } from './cache.ts'
import { type Bytes, type DiskTable, diskTable, heard } from './disk-table.ts'
import { keyEncoder } from './keys.ts'
import { damageOf } from './lmdb-file.ts'
import type { Codec, Table } from './table.ts'

export interface DiskOptions<T extends object> {
  /** Of one stage and partition. */
  readonly folder: string
  /** All that the meaning of the bytes depends on, besides the inputs: what was written under another is dropped. */
  readonly version: string
  readonly codecs: { readonly [K in keyof T]: Codec<T[K]> }
  /** Encoded bytes of hot values that stay on the heap, for all stores of this process together. */
  readonly cacheBytes: number
  /** Steps are written once they have about so many bytes, … */
  readonly flushBytes?: number
  /** … or when so much time has passed, ms. */
  readonly flushMs?: number
  readonly now: () => number
  /** Told when what was on disk is dropped, and why. */
  readonly dropped: (reason: DropReason, detail: string) => void
}

export type DropReason = 'version' | 'torn' | 'crashed' | 'unfinished' | 'not_in_chain' | 'behind_retention'

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
  /** Drops everything. */
  reset(reason: DropReason, detail: string): Promise<void>
  /** Writes what is committed, and closes. */
  close(): Promise<void>
}

const FLUSH_BYTES = 2 << 20
const FLUSH_MS = 1000
/** Deaths between opening and the first write, without one that got there. */
const CRASHES = 5

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
  let tables = tablesOf()
  let point: ChainPoint | null = files.point
  // The first step is written at once: from then on a death is no sign of a damaged file.
  let flushedMs = Number.NEGATIVE_INFINITY
  let changed = false
  let flushing: Promise<void> | null = null
  let failure: unknown
  function tablesOf(): Record<string, DiskTable<unknown>> {
    const made = names.map(name => [
      name,
      diskTable({ db: files.tables[name], codec: options.codecs[name] as Codec<unknown>, pool }),
    ])
    return Object.fromEntries(made)
  }
  const all = (): DiskTable<unknown>[] => Object.values(tables)
  const freshBytes = (): number => all().reduce((sum, table) => sum + table.freshBytes, 0)
  const check = (): void => {
    if (failure !== undefined) throw failure
  }
  const flush = async (): Promise<void> => {
    flushedMs = now()
    changed = false
    const { meta, owner, env } = files
    const own = await meta
      .ifVersion('owner', owner, () => {
        for (const table of all()) table.write()
        heard(meta.put('point', Buffer.from(JSON.stringify(point))))
      })
      .catch(rethrowCause)
    if (!own) throw new FeedloopError('STATE_IN_USE', folder)
    env.resetReadTxn()
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

interface Files {
  readonly env: RootDatabase
  readonly meta: Bytes
  readonly tables: Readonly<Record<string, Bytes>>
  /** Version of the `owner` entry while we are it. */
  readonly owner: number
  readonly point: ChainPoint | null
}

async function openFiles<T extends object>(options: DiskOptions<T>, names: readonly string[]): Promise<Files> {
  const { folder, dropped } = options
  const drop = (reason: DropReason, detail: string): Promise<Files> => {
    dropped(reason, detail)
    rmSync(folder, { recursive: true, force: true })
    return openFiles(options, names)
  }
  const crashes = noteOpening(folder)
  if (crashes >= CRASHES) return drop('crashed', `${crashes} processes died between opening it and writing to it`)
  try {
    const torn = damageOf(dataFile(folder))
    if (torn !== null) return drop('torn', torn)
    const env = openEnvironment(folder, names.length)
    const files = await take(env, names)
    const { version, point } = readMeta(files.meta)
    if (version === null) await files.meta.put('version', Buffer.from(options.version))
    if (version === null || (version === options.version && (point !== null || isEmpty(files))))
      return { ...files, point }
    await env.close()
    if (version === options.version) return drop('unfinished', 'a rebuild did not come to its end')
    return drop('version', `written under ${version}, this is ${options.version}`)
  } catch (cause) {
    if (isDamage(cause)) return drop('torn', String(cause))
    throw failed(folder, cause)
  }
}

const dataFile = (folder: string): string => join(folder, 'data', 'data.mdb')

function openEnvironment(folder: string, tables: number): RootDatabase {
  return open({
    path: join(folder, 'data'),
    noSubdir: false,
    maxDbs: tables + 1,
    encoding: 'binary',
    cache: false,
    overlappingSync: true,
    // We batch ourselves; the binding's own batches fail by promises that nobody can hear.
    eventTurnBatching: false,
  })
}

async function take(env: RootDatabase, names: readonly string[]): Promise<Omit<Files, 'point'>> {
  const meta = env.openDB('meta', { encoding: 'binary', useVersions: true }) as Bytes
  const tables = Object.fromEntries(
    names.map(name => [name, env.openDB(name, { encoding: 'binary', keyEncoder } as never) as Bytes]),
  )
  const owner = (meta.getEntry('owner')?.version ?? 0) + 1
  await meta.put('owner', Buffer.from(String(process.pid)), owner)
  return { env, meta, tables, owner }
}

const isEmpty = ({ tables }: Pick<Files, 'tables'>): boolean =>
  Object.values(tables).every(db => (db.getStats() as { entryCount: number }).entryCount === 0)

function readMeta(meta: Bytes): { version: string | null; point: ChainPoint | null } {
  const version = meta.getBinary('version')?.toString() ?? null
  return { version, point: JSON.parse(meta.getBinary('point')?.toString() ?? 'null') as ChainPoint | null }
}

/** A process that dies of a damaged file would die of it again: how many began with this one and never wrote to it. */
function noteOpening(folder: string): number {
  const marker = join(folder, 'opening')
  try {
    mkdirSync(folder, { recursive: true })
    const before = existsSync(marker) ? Number(readFileSync(marker, 'utf8')) : 0
    writeFileSync(marker, String(before + 1))
    return before
  } catch (cause) {
    throw failed(folder, cause)
  }
}
const forgetCrashes = (folder: string): void => rmSync(join(folder, 'opening'), { force: true })

/** lmdb's own codes for a file that is not (any more) what it wrote. */
const isDamage = (cause: unknown): boolean =>
  /MDB_(CORRUPTED|INVALID|VERSION_MISMATCH|PAGE_NOTFOUND|PANIC)|not an LMDB file|SyntaxError/.test(String(cause))

const failed = (folder: string, cause: unknown): FeedloopError =>
  cause instanceof FeedloopError
    ? cause
    : new FeedloopError('STATE_WRITE_FAILED', `${folder}: ${(cause as Error).message ?? cause}`, { cause })

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
