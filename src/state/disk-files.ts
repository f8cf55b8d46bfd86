/**
 * The files of a store (disk.ts): opening them, looking whether they can be believed, dropping what cannot. Torn, of another
 * version, half rebuilt, or such that processes keep dying at it: each is a reason that is told, and the store begins empty.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { FeedloopError } from '../errors.ts'
import type { ChainPoint } from '../stage.ts'
import { CRASHES, noteOpening } from './crashes.ts'
import type { Bytes } from './disk-table.ts'
import { keyEncoder } from './keys.ts'
import { damageOf } from './lmdb-file.ts'
import { createMemtable, type Memtable } from './memtable.ts'
import type { Codec } from './table.ts'

export interface StoreOptions<T extends object> {
  /** Of one stage and partition. */
  readonly folder: string
  /** All that the meaning of the bytes depends on, besides the inputs: what was written under another is dropped. */
  readonly version: string
  readonly codecs: { readonly [K in keyof T]: Codec<T[K]> }
  /** Told when what was on disk is dropped, and why. */
  readonly dropped: (reason: DropReason, detail: string) => void
}

export type DropReason = 'version' | 'torn' | 'crashed' | 'unfinished' | 'not_in_chain' | 'behind_retention'

/** Raised when the same tables are laid out otherwise. */
const LAYOUT = 3

export interface Files {
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

/** @throws FeedloopError STATE_WRITE_FAILED */
export async function openFiles<T extends object>(options: StoreOptions<T>, names: readonly string[]): Promise<Files> {
  const { folder, dropped } = options
  const drop = (reason: DropReason, detail: string): Promise<Files> => {
    dropped(reason, detail)
    rmSync(folder, { recursive: true, force: true })
    return openFiles(options, names)
  }
  const crashes = openings(folder)
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

export const dataFile = (folder: string): string => join(folder, 'data', 'data.mdb')

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

async function take<T extends object>(env: RootDatabase, { codecs }: StoreOptions<T>): Promise<Opened> {
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

/** The end of a backward range is left out. */
const FIRST_JOURNAL = 1

function readJournals({ journals }: Opened, tables: number): Pick<Files, 'memtable' | 'nextJournal'> {
  const memtable = createMemtable(tables)
  let nextJournal = FIRST_JOURNAL
  const newestFirst = function* () {
    for (const { key, value } of journals.getRange({ reverse: true, end: journalKey(FIRST_JOURNAL - 1) })) {
      const number = (key as Buffer).readUInt32BE(0)
      nextJournal = Math.max(nextJournal, number + 1)
      yield [number, value as Buffer] as const
    }
  }
  memtable.recover(newestFirst())
  return { memtable, nextJournal }
}

export function journalKey(number: number): Buffer {
  const key = Buffer.alloc(4)
  key.writeUInt32BE(number)
  return key
}

/** How many began with these files and never wrote to them. @throws FeedloopError STATE_WRITE_FAILED */
function openings(folder: string): number {
  try {
    return noteOpening(folder)
  } catch (cause) {
    throw failed(folder, cause)
  }
}

/** lmdb's own codes for a file that is not (any more) what it wrote. */
const isDamage = (cause: unknown): boolean =>
  /MDB_(CORRUPTED|INVALID|VERSION_MISMATCH|PAGE_NOTFOUND|PANIC)|not an LMDB file|SyntaxError/.test(String(cause))

export const failed = (folder: string, cause: unknown): FeedloopError =>
  cause instanceof FeedloopError
    ? cause
    : new FeedloopError('STATE_WRITE_FAILED', `${folder}: ${(cause as Error).message ?? cause}`, { cause })
