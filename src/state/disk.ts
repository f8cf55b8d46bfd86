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
import { createJournal, createMemtable, type Memtable } from './memtable.ts'
import { createParts } from './parts.ts'
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

/** Raised when the same tables are laid out otherwise. */
const LAYOUT = 2
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
    const plan = memtable.plan(options.cacheBytes / openStores)
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
  /** Fixed parts of the tables that have such. */
  readonly parts: Readonly<Record<string, Bytes>>
  readonly journals: Bytes
  nextJournal: number
  readonly memtable: Memtable
  readonly sizes: Readonly<Record<string, number>>
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
    const env = openEnvironment(folder, 2 * names.length)
    const files = await take(env, options)
    const { version, point, sizes } = readMeta(files.meta)
    const ours = `${LAYOUT} ${options.version}`
    if (version === null) await files.meta.put('version', Buffer.from(ours))
    if (version === null || (version === ours && (point !== null || isEmpty(files))))
      return { ...files, point, sizes, ...readJournals(files, names.length) }
    await env.close()
    if (version === ours) return drop('unfinished', 'a rebuild did not come to its end')
    return drop('version', `written under ${version}, this is ${ours}`)
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
    maxDbs: tables + 2,
    encoding: 'binary',
    cache: false,
    overlappingSync: true,
    // We batch ourselves; the binding's own batches fail by promises that nobody can hear.
    eventTurnBatching: false,
  })
}

type Opened = Omit<Files, 'point' | 'sizes' | 'memtable' | 'nextJournal'>

async function take<T extends object>(env: RootDatabase, { codecs }: DiskOptions<T>): Promise<Opened> {
  const meta = env.openDB('meta', { encoding: 'binary', useVersions: true }) as Bytes
  const opened = (name: string): Bytes => env.openDB(name, { encoding: 'binary', keyEncoder } as never) as Bytes
  const names = Object.keys(codecs)
  const withParts = names.filter(name => (codecs[name as keyof T] as Codec<unknown>).fixed)
  const tables = Object.fromEntries(names.map(name => [name, opened(name)]))
  const parts = Object.fromEntries(withParts.map(name => [name, opened(`${name}.parts`)]))
  const owner = (meta.getEntry('owner')?.version ?? 0) + 1
  await meta.put('owner', Buffer.from(String(process.pid)), owner)
  return { env, meta, tables, parts, journals: opened('journals'), owner }
}

const isEmpty = ({ tables, journals }: Opened): boolean =>
  [...Object.values(tables), journals].every(db => (db.getStats() as { entryCount: number }).entryCount === 0)

function readMeta(meta: Bytes) {
  const json = (key: string): unknown => JSON.parse(meta.getBinary(key)?.toString() ?? 'null')
  return {
    version: meta.getBinary('version')?.toString() ?? null,
    point: json('point') as ChainPoint | null,
    sizes: (json('sizes') ?? {}) as Record<string, number>,
  }
}

function readJournals({ journals }: Opened, tables: number): Pick<Files, 'memtable' | 'nextJournal'> {
  const memtable = createMemtable(tables)
  let nextJournal = 0
  for (const { key, value } of journals.getRange({ start: journalKey(0) })) {
    const number = (key as Buffer).readUInt32BE(0)
    memtable.add(number, Buffer.from(value))
    nextJournal = number + 1
  }
  return { memtable, nextJournal }
}

function journalKey(number: number): Buffer {
  const key = Buffer.alloc(4)
  key.writeUInt32BE(number)
  return key
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
